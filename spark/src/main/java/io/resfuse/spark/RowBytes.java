package io.resfuse.spark;

import java.io.Serializable;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.spark.api.java.function.Function;
import org.apache.spark.sql.Row;

/**
 * A row of a training as bytes: whether it is for validation (1), its label (4), the length of its
 * key (4), the key, and the picture's file or path. Keys put the rows of a training in an order
 * that does not depend on how they came: by the column for the order, if there is one, and by a
 * digest of label and picture.
 */
final class RowBytes implements Function<Row, byte[]>, Serializable {
  private static final int FIXED = 1 + 2 * Integer.BYTES;

  private final Map<String, Integer> labels = new HashMap<>();
  private final boolean hasValidation;
  private final boolean hasOrder;

  /**
   * For rows with picture, label, and then the columns for validation and order, if there are any.
   *
   * @param classes names; their places are labels
   */
  RowBytes(List<String> classes, boolean hasValidation, boolean hasOrder) {
    classes.forEach(name -> labels.put(name, labels.size()));
    this.hasValidation = hasValidation;
    this.hasOrder = hasOrder;
  }

  @Override
  public byte[] call(Row row) {
    if (row.isNullAt(0) || row.isNullAt(1)) {
      throw new IllegalArgumentException(
          "a row has no " + (row.isNullAt(0) ? "picture" : "label") + "; leave it out");
    }
    Object picture = row.get(0);
    byte[] contents =
        picture instanceof byte[] bytes
            ? bytes
            : ((String) picture).getBytes(StandardCharsets.UTF_8);
    String name = String.valueOf(row.get(1));
    Integer label = labels.get(name);
    if (label == null) {
      throw new IllegalArgumentException(
          "label '" + name + "' is none of the classes; give all of them, or none");
    }
    boolean validation = hasValidation && !row.isNullAt(2) && row.getBoolean(2);
    byte[] key = key(hasOrder ? row.get(hasValidation ? 3 : 2) : null, label, contents);
    return ByteBuffer.allocate(FIXED + key.length + contents.length)
        .put((byte) (validation ? 1 : 0))
        .putInt(label)
        .putInt(key.length)
        .put(key)
        .put(contents)
        .array();
  }

  private static byte[] key(Object order, int label, byte[] contents) {
    byte[] place;
    if (order == null) {
      place = new byte[0];
    } else if (order instanceof String text) {
      place = text.getBytes(StandardCharsets.UTF_8);
    } else {
      // As unsigned bytes, negative numbers come first.
      long number = ((Number) order).longValue() ^ Long.MIN_VALUE;
      place = ByteBuffer.allocate(Long.BYTES).putLong(number).array();
    }
    MessageDigest digest = sha256();
    digest.update(ByteBuffer.allocate(Integer.BYTES).putInt(label).flip());
    byte[] last = digest.digest(contents);
    byte[] key = Arrays.copyOf(place, place.length + last.length);
    System.arraycopy(last, 0, key, place.length, last.length);
    return key;
  }

  static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e); // every Java has it
    }
  }

  static boolean isValidation(byte[] row) {
    return row[0] != 0;
  }

  static int label(byte[] row) {
    return ByteBuffer.wrap(row).getInt(1);
  }

  static byte[] key(byte[] row) {
    return Arrays.copyOfRange(row, FIXED, pictureBegin(row));
  }

  static int pictureBegin(byte[] row) {
    return FIXED + ByteBuffer.wrap(row).getInt(1 + Integer.BYTES);
  }
}
