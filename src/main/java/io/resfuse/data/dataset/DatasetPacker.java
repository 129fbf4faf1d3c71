package io.resfuse.data.dataset;

import io.resfuse.data.DataException;
import io.resfuse.data.image.Decoding;
import io.resfuse.data.image.Image;
import io.resfuse.data.image.ImageException;
import io.resfuse.data.image.PixelScratch;
import io.resfuse.data.image.Preprocessing;
import io.resfuse.data.image.Reduction;
import io.resfuse.data.image.Resampling;
import io.resfuse.platform.FileNames;
import io.resfuse.platform.WholeFile;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.WritableByteChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Queue;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Decodes and shrinks a data set once, into one file from which {@link PackedDataset} reads. The
 * same pictures give the same bytes. Use once, from one thread; it has threads of its own.
 *
 * <p>A picture whose shorter side is larger than wanted is shrunk as {@link Preprocessing}'s
 * presets do it, so that a network that is evaluated at that size gets the same tensors, bit for
 * bit, from the packed file as from the pictures. Others stay as they are. Pictures that cannot be
 * read are named in the log, left out and counted.
 */
public final class DatasetPacker {
  private static final Logger log = LoggerFactory.getLogger(DatasetPacker.class);

  /** Hears how far the work is. */
  @FunctionalInterface
  public interface Listener {
    /**
     * Some more pictures are written.
     *
     * @param done so far
     * @param total of all parts
     */
    void progress(long done, long total);
  }

  /**
   * What was written.
   *
   * @param training pictures
   * @param test pictures
   * @param unreadable pictures that were left out
   * @param bytes of the file
   */
  public record Result(int training, int test, int unreadable, long bytes) {}

  private final int shorterSide;
  private final int threads;
  private final Decoding decoding;
  private final Listener listener;
  private long position = PackFormat.HEADER_BYTES;
  private long done;
  private int unreadable;

  /**
   * A packer that decodes pictures whole.
   *
   * @param shorterSide to which larger pictures are shrunk, in pixels; 0 to leave all as they are
   * @param threads that decode, at least 1; they change nothing but speed
   * @param listener for progress
   * @throws IllegalArgumentException if a number is out of range
   */
  public DatasetPacker(int shorterSide, int threads, Listener listener) {
    this(shorterSide, threads, Decoding.EXACT, listener);
  }

  /**
   * A packer.
   *
   * @param shorterSide to which larger pictures are shrunk, in pixels; 0 to leave all as they are
   * @param threads that decode, at least 1; they change nothing but speed
   * @param decoding of the JPEGs that are shrunk
   * @param listener for progress
   * @throws IllegalArgumentException if a number is out of range
   */
  public DatasetPacker(int shorterSide, int threads, Decoding decoding, Listener listener) {
    if (shorterSide < 0 || threads < 1) {
      throw new IllegalArgumentException(
          "the shorter side must be at least 0 and threads at least 1, got %d and %d"
              .formatted(shorterSide, threads));
    }
    this.shorterSide = shorterSide;
    this.threads = threads;
    this.decoding = decoding;
    this.listener = listener;
  }

  /**
   * Writes the file: under another name beside its place, synced, then moved there.
   *
   * @param training pictures to learn from; null for none
   * @param test pictures to measure on, of the same classes; null for none
   * @param file replaced if it is a packed data set, or empty
   * @return what was written
   * @throws DataException if a part has no readable picture, the parts' classes differ, the file
   *     cannot be written, or something else is called so; nothing is left behind then
   */
  public Result pack(@Nullable Dataset training, @Nullable Dataset test, Path file) {
    if (training == null && test == null) {
      throw new IllegalArgumentException("there is nothing to pack");
    }
    if (training != null && test != null && !training.classes().equals(test.classes())) {
      throw new DataException(
          "%s has %d classes, %s %d, or they have other names; a packed file has one list of classes"
              .formatted(
                  training.name(), training.classes().size(), test.name(), test.classes().size()));
    }
    if (Files.isDirectory(file)) {
      throw new DataException(FileNames.shown(file) + ": is a folder; name a file in it");
    }
    if (!isFree(file)) {
      throw new DataException(
          FileNames.shown(file)
              + ": is there and is no packed data set; name another file, or remove it");
    }
    List<ByteBuffer> trainingEntries = new ArrayList<>();
    List<ByteBuffer> testEntries = new ArrayList<>();
    try {
      WholeFile.write(
          file,
          channel -> {
            long total = sizeOf(training) + sizeOf(test);
            channel.position(position);
            writePictures(channel, training, trainingEntries, total);
            writePictures(channel, test, testEntries, total);
            ByteBuffer index = index(training, test, trainingEntries, testEntries);
            ByteBuffer header = header(index.duplicate());
            position += index.remaining();
            writeAll(channel, index);
            channel.position(0);
            writeAll(channel, header);
          });
    } catch (IOException e) {
      throw new DataException(FileNames.shown(file) + ": cannot be written: " + e, e);
    }
    return new Result(trainingEntries.size(), testEntries.size(), unreadable, position);
  }

  private static boolean isFree(Path file) {
    try {
      return !Files.exists(file) || Files.size(file) == 0 || PackedDataset.isPack(file);
    } catch (IOException e) {
      throw new DataException(FileNames.shown(file) + ": cannot be read: " + e, e);
    }
  }

  private static long sizeOf(@Nullable Dataset part) {
    return part == null ? 0 : part.size();
  }

  /** Writes a part's pixels, in its order, and notes their entries of the index. */
  private void writePictures(
      WritableByteChannel channel, @Nullable Dataset part, List<ByteBuffer> entries, long total)
      throws IOException {
    if (part == null) {
      return;
    }
    ExecutorService pool =
        Executors.newFixedThreadPool(
            threads,
            work -> {
              Thread thread = new Thread(work, "resfuse-packer");
              thread.setDaemon(true);
              return thread;
            });
    try {
      Queue<Future<Image>> ahead = new ArrayDeque<>();
      Reduction needed =
          shorterSide == 0
              ? Reduction.NONE
              : decoding.reduction(Reduction.toShorterSide(shorterSide));
      int next = 0;
      for (int i = 0; i < part.size(); i++) {
        while (next < part.size() && next <= i + 2 * threads) {
          int picture = next++;
          ahead.add(pool.submit(() -> shrunk(part.image(picture, new PixelScratch(), needed))));
        }
        Image image = result(ahead.remove());
        if (image != null) {
          entries.add(writePicture(channel, image, part.label(i)));
        }
        listener.progress(++done, total);
      }
    } finally {
      pool.shutdownNow();
    }
    if (entries.isEmpty()) {
      throw new DataException(part.name() + ": none of its pictures can be read");
    }
  }

  /** The picture; null if it cannot be read. */
  private @Nullable Image result(Future<Image> future) {
    try {
      return future.get();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new DataException("interrupted while packing", e);
    } catch (ExecutionException e) {
      if (e.getCause() instanceof ImageException problem) {
        log.warn("left out: {}", problem.getMessage());
        unreadable++;
        return null;
      }
      throw e.getCause() instanceof DataException problem
          ? problem
          : new DataException("packing failed: " + e.getCause(), e);
    }
  }

  private Image shrunk(Image image) {
    int side = Math.min(image.width(), image.height());
    if (shorterSide == 0 || side <= shorterSide) {
      return image;
    }
    return image.resized(
        (int) ((long) image.width() * shorterSide / side),
        (int) ((long) image.height() * shorterSide / side),
        Resampling.BILINEAR);
  }

  private ByteBuffer writePicture(WritableByteChannel channel, Image image, int label)
      throws IOException {
    byte[] pixels = image.pixels();
    if (pixels.length > PackFormat.MOST_PICTURE_BYTES) {
      throw new DataException(
          "a picture of %s pixels is too large for a packed file; shrink with --shorter-side"
              .formatted(image));
    }
    CRC32C crc = new CRC32C();
    crc.update(pixels, 0, pixels.length);
    ByteBuffer entry = ByteBuffer.allocate(PackFormat.ENTRY_BYTES).order(ByteOrder.LITTLE_ENDIAN);
    entry.putLong(position).putInt(image.width()).putInt(image.height());
    entry.putInt(image.channels()).putInt(label).putInt((int) crc.getValue());
    writeAll(channel, ByteBuffer.wrap(pixels));
    position += pixels.length;
    return entry.flip();
  }

  private ByteBuffer index(
      @Nullable Dataset training,
      @Nullable Dataset test,
      List<ByteBuffer> trainingEntries,
      List<ByteBuffer> testEntries) {
    List<byte[]> texts = new ArrayList<>();
    texts.add(utf8(training == null ? "" : training.name()));
    texts.add(utf8(test == null ? "" : test.name()));
    (training == null ? Objects.requireNonNull(test) : training)
        .classes()
        .forEach(name -> texts.add(utf8(name)));
    int entries = Math.addExact(trainingEntries.size(), testEntries.size());
    long bytes = 16 + (long) entries * PackFormat.ENTRY_BYTES;
    for (byte[] text : texts) {
      bytes += 4L + text.length;
    }
    if (bytes > Integer.MAX_VALUE) {
      throw new DataException(entries + " pictures are too many for one packed file");
    }
    ByteBuffer index = ByteBuffer.allocate((int) bytes).order(ByteOrder.LITTLE_ENDIAN);
    texts.subList(0, 2).forEach(text -> putText(index, text));
    index.putInt(shorterSide).putInt(texts.size() - 2);
    texts.subList(2, texts.size()).forEach(text -> putText(index, text));
    index.putInt(trainingEntries.size()).putInt(testEntries.size());
    trainingEntries.forEach(index::put);
    testEntries.forEach(index::put);
    return index.flip();
  }

  private static byte[] utf8(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  private static void putText(ByteBuffer target, byte[] text) {
    target.putInt(text.length).put(text);
  }

  private ByteBuffer header(ByteBuffer index) {
    ByteBuffer header = ByteBuffer.allocate(PackFormat.HEADER_BYTES).order(ByteOrder.LITTLE_ENDIAN);
    header.putLong(PackFormat.MAGIC).putInt(PackFormat.VERSION).putInt(0);
    header.putLong(position + index.remaining()).putLong(position).putLong(index.remaining());
    CRC32C crc = new CRC32C();
    crc.update(index);
    header.putInt((int) crc.getValue());
    crc.reset();
    crc.update(header.array(), 0, PackFormat.HEADER_CHECKSUM_AT);
    header.putInt(PackFormat.HEADER_CHECKSUM_AT, (int) crc.getValue());
    return header.clear();
  }

  private static void writeAll(WritableByteChannel channel, ByteBuffer bytes) throws IOException {
    while (bytes.hasRemaining()) {
      channel.write(bytes);
    }
  }
}
