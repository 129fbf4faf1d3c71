package io.resfuse.spark;

import io.resfuse.data.DataException;
import io.resfuse.data.dataset.Dataset;
import io.resfuse.data.dataset.DecodedPictures;
import io.resfuse.data.image.Image;
import io.resfuse.data.image.ImageDecoder;
import io.resfuse.data.image.ImageException;
import io.resfuse.data.image.PixelScratch;
import io.resfuse.data.image.Reduction;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Iterator;
import java.util.List;
import java.util.stream.IntStream;

/**
 * The rows of a training on a worker's disk, in the order of their keys: the same on every worker,
 * whatever the order in which they came. Of pictures that are given by their paths there are the
 * paths alone. In memory are some 100 bytes a row while it is written, 20 afterwards. Any thread
 * may use it, many at a time.
 */
final class SpooledRows implements Dataset, DecodedPictures, AutoCloseable {
  private final List<String> classes;
  private final FileChannel file;
  private final PictureColumn paths;
  private final long[] begins;
  private final int[] lengths;
  private final int[] labels;
  private final boolean[] validation;
  private final String fingerprint;
  private final ImageDecoder decoder = new ImageDecoder();

  private SpooledRows(
      List<String> classes,
      FileChannel file,
      PictureColumn paths,
      List<Entry> entries,
      String fingerprint) {
    this.classes = classes;
    this.file = file;
    this.paths = paths;
    this.fingerprint = fingerprint;
    this.begins = entries.stream().mapToLong(Entry::begin).toArray();
    this.lengths = entries.stream().mapToInt(Entry::length).toArray();
    this.labels = entries.stream().mapToInt(Entry::label).toArray();
    this.validation = new boolean[entries.size()];
    for (int i = 0; i < validation.length; i++) {
      validation[i] = entries.get(i).validation();
    }
  }

  private record Entry(byte[] key, long begin, int length, int label, boolean validation) {}

  /**
   * Writes rows.
   *
   * @param rows as {@link RowBytes} makes them, to the end
   * @param classes names
   * @param paths null if rows have the pictures themselves
   * @param target a new file
   * @param most bytes of pictures
   * @throws DataException if there are more, or the disk is full
   */
  static SpooledRows write(
      Iterator<byte[]> rows, List<String> classes, PictureColumn paths, Path target, long most) {
    List<Entry> entries = new ArrayList<>();
    long length = 0;
    try (OutputStream out =
        new BufferedOutputStream(Files.newOutputStream(target, StandardOpenOption.CREATE_NEW))) {
      while (rows.hasNext()) {
        byte[] row = rows.next();
        int begin = RowBytes.pictureBegin(row);
        int size = row.length - begin;
        if (length + size > most) {
          throw new DataException(
              "the pictures have more than %d MiB; set a larger spoolMiB, or give a column with their paths"
                  .formatted(most >> 20));
        }
        out.write(row, begin, size);
        entries.add(
            new Entry(
                RowBytes.key(row), length, size, RowBytes.label(row), RowBytes.isValidation(row)));
        length += size;
      }
      out.flush();
      if (entries.isEmpty()) {
        throw new DataException("there are no rows to train on");
      }
      entries.sort((a, b) -> Arrays.compareUnsigned(a.key(), b.key()));
      return new SpooledRows(
          classes,
          FileChannel.open(target, StandardOpenOption.READ),
          paths,
          entries,
          fingerprint(entries));
    } catch (IOException e) {
      throw new DataException(target + ": the rows cannot be kept there: " + e.getMessage(), e);
    }
  }

  private static String fingerprint(List<Entry> entries) {
    MessageDigest digest = RowBytes.sha256();
    for (Entry entry : entries) {
      digest.update(entry.key());
      digest.update((byte) (entry.validation() ? 1 : 0));
    }
    return entries.size() + " rows " + HexFormat.of().formatHex(digest.digest());
  }

  /** A line that the same rows have, and no others. */
  String fingerprint() {
    return fingerprint;
  }

  /** Those for validation, or the others. */
  Dataset part(boolean forValidation) {
    int[] own =
        IntStream.range(0, validation.length).filter(i -> validation[i] == forValidation).toArray();
    if (own.length == 0) {
      throw new DataException(
          "there are no rows "
              + (forValidation ? "for validation" : "to train on")
              + "; look at the column that tells them apart");
    }
    return subset(own);
  }

  @Override
  public String name() {
    return "rows";
  }

  @Override
  public int size() {
    return labels.length;
  }

  @Override
  public List<String> classes() {
    return classes;
  }

  @Override
  public int label(int index) {
    return labels[index];
  }

  @Override
  public Image image(int index, PixelScratch scratch, Reduction needed) {
    try {
      byte[] contents = bytes(index);
      return decoder.decode(
          paths == null ? contents : paths.read(path(contents)), describe(index), scratch, needed);
    } catch (IOException e) {
      throw new ImageException(describe(index) + ": cannot be read: " + e.getMessage(), e);
    }
  }

  private static String path(byte[] contents) {
    return new String(contents, StandardCharsets.UTF_8);
  }

  private byte[] bytes(int index) throws IOException {
    ByteBuffer contents = ByteBuffer.allocate(lengths[index]);
    while (contents.hasRemaining()) {
      if (file.read(contents, begins[index] + contents.position()) < 0) {
        throw new IOException("the worker's file of rows was cut short");
      }
    }
    return contents.array();
  }

  @Override
  public String describe(int index) {
    try {
      return paths == null ? "row " + index : path(bytes(index));
    } catch (IOException e) {
      return "row " + index;
    }
  }

  /** The length of the picture's file, where it is at hand. */
  @Override
  public long trait(int index) {
    return paths == null ? lengths[index] : 0;
  }

  @Override
  public void close() {
    try {
      file.close();
    } catch (IOException e) {
      throw new DataException("the file of rows cannot be closed: " + e.getMessage(), e);
    }
  }
}
