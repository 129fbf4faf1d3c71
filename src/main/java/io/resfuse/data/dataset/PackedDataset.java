package io.resfuse.data.dataset;

import io.resfuse.data.DataException;
import io.resfuse.data.image.Image;
import io.resfuse.data.image.ImageException;
import io.resfuse.data.image.PixelScratch;
import io.resfuse.platform.FileNames;
import io.resfuse.platform.Uninterrupted;
import java.io.IOException;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/**
 * One part of a file that {@link DatasetPacker} has written: pictures that are decoded and shrunk,
 * in mapped memory, so that reading one is a copy. Its checksum is looked at when a picture is read
 * for the first time. Immutable; any thread may use it.
 *
 * <p>The mapping goes when the data set is garbage, as the JDK has it; until then the file must not
 * be written to. Replacing it by another, as the packer does, is no harm.
 */
public final class PackedDataset implements Dataset {
  /** Pictures begin in the first half of a window, or in the last window. */
  private static final int WINDOW_STEP = PackFormat.MOST_PICTURE_BYTES;

  private final String name;
  private final int shorterSide;
  private final List<String> classes;
  private final Windows windows;
  private final ByteBuffer entries;
  private final int size;

  /** A race only makes two threads look at the same checksum. */
  private final boolean[] checked;

  private PackedDataset(
      String name,
      int shorterSide,
      List<String> classes,
      Windows windows,
      ByteBuffer entries,
      int size) {
    this.name = name;
    this.shorterSide = shorterSide;
    this.classes = classes;
    this.windows = windows;
    this.entries = entries;
    this.size = size;
    this.checked = new boolean[size];
  }

  /**
   * Opens a part of a packed file.
   *
   * @param file written by {@link DatasetPacker}
   * @param split which part
   * @return the data set
   * @throws DataException if it is no such file, damaged, of a later version, or lacks the part
   */
  public static PackedDataset open(Path file, Split split) {
    return open(file, split, WINDOW_STEP);
  }

  /** The same with windows of another size; no picture may be larger than a step. */
  static PackedDataset open(Path file, Split split, int windowStep) {
    try {
      return Uninterrupted.read(
          () -> {
            try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
              return read(file, channel, split, windowStep);
            }
          });
    } catch (BufferUnderflowException e) {
      throw damaged(file, "its index ends too early", e);
    } catch (IOException e) {
      String problem = Files.exists(file) ? e.toString() : "no such file";
      throw new DataException(FileNames.shown(file) + ": cannot be read: " + problem, e);
    }
  }

  /** Whether a file begins as a packed file does. */
  static boolean isPack(Path file) {
    try {
      return Uninterrupted.read(
          () -> {
            try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
              ByteBuffer magic = littleEndian(Long.BYTES);
              return fill(channel, magic, 0) && magic.getLong(0) == PackFormat.MAGIC;
            }
          });
    } catch (IOException e) {
      return false;
    }
  }

  private static PackedDataset read(Path file, FileChannel channel, Split split, int windowStep)
      throws IOException {
    ByteBuffer header = littleEndian(PackFormat.HEADER_BYTES);
    if (!fill(channel, header, 0) || header.getLong(0) != PackFormat.MAGIC) {
      throw new DataException(
          FileNames.shown(file) + ": is no packed data set; 'resfuse pack' makes one");
    }
    int version = header.getInt(8);
    if (version != PackFormat.VERSION) {
      throw new DataException(
          "%s: is of version %d, this ResFuse reads version %d; pack the data set again"
              .formatted(FileNames.shown(file), version, PackFormat.VERSION));
    }
    header.limit(PackFormat.HEADER_CHECKSUM_AT);
    if (checksum(header) != header.limit(PackFormat.HEADER_BYTES).getInt(60)) {
      throw damaged(file, "its header's checksum is wrong", null);
    }
    long length = header.getLong(16);
    if (channel.size() != length) {
      throw damaged(file, "it has " + channel.size() + " bytes, its header says " + length, null);
    }
    long indexAt = header.getLong(24);
    long indexLength = header.getLong(32);
    if (indexAt < PackFormat.HEADER_BYTES
        || indexLength != length - indexAt
        || indexLength < 0
        || indexLength > Integer.MAX_VALUE) {
      throw damaged(file, "its index is not at its end", null);
    }
    ByteBuffer index =
        channel
            .map(FileChannel.MapMode.READ_ONLY, indexAt, indexLength)
            .order(ByteOrder.LITTLE_ENDIAN);
    if (checksum(index.duplicate()) != header.getInt(40)) {
      throw damaged(file, "its index's checksum is wrong", null);
    }
    return parse(file, channel, index, indexAt, split, windowStep);
  }

  private static PackedDataset parse(
      Path file, FileChannel channel, ByteBuffer index, long end, Split split, int windowStep)
      throws IOException {
    String training = text(index);
    String test = text(index);
    int shorterSide = index.getInt();
    int count = index.getInt();
    List<String> classes = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      classes.add(text(index));
    }
    int trainingSize = index.getInt();
    int testSize = index.getInt();
    if (trainingSize < 0
        || testSize < 0
        || index.remaining() != ((long) trainingSize + testSize) * PackFormat.ENTRY_BYTES) {
      throw damaged(file, "its index does not have the pictures that it announces", null);
    }
    int size = split == Split.TRAIN ? trainingSize : testSize;
    if (size == 0) {
      throw new DataException(
          "%s: holds no %s pictures; pack the data set again, with that part"
              .formatted(FileNames.shown(file), split == Split.TRAIN ? "training" : "test"));
    }
    int from = split == Split.TRAIN ? 0 : trainingSize * PackFormat.ENTRY_BYTES;
    ByteBuffer entries =
        index
            .slice(index.position() + from, size * PackFormat.ENTRY_BYTES)
            .order(ByteOrder.LITTLE_ENDIAN);
    check(file, entries, size, end, count, windowStep);
    return new PackedDataset(
        (split == Split.TRAIN ? training : test) + ", packed in " + FileNames.text(file),
        shorterSide,
        List.copyOf(classes),
        Windows.map(channel, end, windowStep),
        entries,
        size);
  }

  private static void check(
      Path file, ByteBuffer entries, int size, long end, int classes, int windowStep) {
    for (int i = 0; i < size; i++) {
      int entry = i * PackFormat.ENTRY_BYTES;
      long offset = entries.getLong(entry);
      long width = entries.getInt(entry + 8);
      long height = entries.getInt(entry + 12);
      int channels = entries.getInt(entry + 16);
      int label = entries.getInt(entry + 20);
      boolean sized =
          width > 0
              && height > 0
              && (channels == 1 || channels == 3)
              && width * height <= windowStep / channels;
      if (!sized
          || offset < PackFormat.HEADER_BYTES
          || offset > end - width * height * channels
          || label < 0
          || label >= classes) {
        throw damaged(file, "its index is wrong about picture " + i, null);
      }
    }
  }

  private static DataException damaged(Path file, String what, @Nullable Throwable cause) {
    return new DataException(
        FileNames.shown(file) + ": is damaged: " + what + "; pack the data set again", cause);
  }

  private static String text(ByteBuffer index) {
    int length = index.getInt();
    if (length < 0 || length > index.remaining()) {
      throw new BufferUnderflowException();
    }
    byte[] bytes = new byte[length];
    index.get(bytes);
    return new String(bytes, StandardCharsets.UTF_8);
  }

  private static ByteBuffer littleEndian(int bytes) {
    return ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }

  /** Fills a buffer and rewinds it; false if the file ends before. */
  private static boolean fill(FileChannel channel, ByteBuffer target, long at) throws IOException {
    long position = at;
    while (target.hasRemaining()) {
      int read = channel.read(target, position);
      if (read < 0) {
        return false;
      }
      position += read;
    }
    target.rewind();
    return true;
  }

  private static int checksum(ByteBuffer bytes) {
    CRC32C crc = new CRC32C();
    crc.update(bytes);
    return (int) crc.getValue();
  }

  @Override
  public String name() {
    return name;
  }

  /** Of the data sets that are known, by the names that they alone have. */
  @Override
  public @Nullable String preset() {
    String packed = name.substring(0, name.indexOf(", packed in "));
    return switch (packed) {
      case "Fashion-MNIST train", "Fashion-MNIST t10k" -> "fashion-mnist";
      case "MNIST train", "MNIST t10k" -> "mnist";
      case "CIFAR-10 train", "CIFAR-10 test", "CIFAR-100 train", "CIFAR-100 test" ->
          CifarDatasets.PRESET;
      default -> null;
    };
  }

  /**
   * The size to which the packer has shrunk the pictures.
   *
   * @return the shorter side of those that were larger, in pixels; 0 if none was shrunk
   */
  public int shorterSide() {
    return shorterSide;
  }

  @Override
  public int size() {
    return size;
  }

  @Override
  public List<String> classes() {
    return classes;
  }

  @Override
  public int label(int index) {
    return entries.getInt(index * PackFormat.ENTRY_BYTES + 20);
  }

  /** Of its pixels' checksum and its width. */
  @Override
  public long trait(int index) {
    int entry = index * PackFormat.ENTRY_BYTES;
    return (entries.getInt(entry + 24) & 0xffffffffL) | ((long) entries.getInt(entry + 8) << 32);
  }

  @Override
  public Image image(int index) {
    return image(index, new PixelScratch());
  }

  @Override
  public Image image(int index, PixelScratch scratch) {
    int entry = index * PackFormat.ENTRY_BYTES;
    int width = entries.getInt(entry + 8);
    int height = entries.getInt(entry + 12);
    int channels = entries.getInt(entry + 16);
    byte[] pixels = scratch.take(width * height * channels);
    try {
      windows.copy(entries.getLong(entry), pixels);
    } catch (InternalError e) {
      throw new ImageException(
          describe(index) + ": cannot be read: the file was changed while in use", e);
    }
    if (!checked[index]) {
      if (checksum(ByteBuffer.wrap(pixels)) != entries.getInt(entry + 24)) {
        throw new ImageException(
            describe(index) + ": is damaged: its checksum is wrong; pack the data set again");
      }
      checked[index] = true;
    }
    return channels == 3 ? Image.rgb(width, height, pixels) : Image.grey(width, height, pixels);
  }

  /** A file in mapped windows that overlap by half, as one buffer holds at most 2 GiB. */
  private static final class Windows {
    private final ByteBuffer[] buffers;
    private final int step;

    private Windows(ByteBuffer[] buffers, int step) {
      this.buffers = buffers;
      this.step = step;
    }

    static Windows map(FileChannel channel, long end, int step) throws IOException {
      ByteBuffer[] buffers = new ByteBuffer[Math.toIntExact((end - 1) / step + 1)];
      for (int i = 0; i < buffers.length; i++) {
        long start = (long) i * step;
        long length = Math.min(Math.min(2L * step, Integer.MAX_VALUE), end - start);
        buffers[i] = channel.map(FileChannel.MapMode.READ_ONLY, start, length);
      }
      return new Windows(buffers, step);
    }

    void copy(long offset, byte[] target) {
      buffers[(int) (offset / step)].get((int) (offset % step), target);
    }
  }
}
