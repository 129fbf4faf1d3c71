package io.resfuse.data.dataset;

import io.resfuse.data.DataException;
import io.resfuse.platform.WholeFile;
import io.resfuse.tensor.HostTensor;
import io.resfuse.tensor.Shape;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * NumPy's array files, format 1.0 to 3.0: little-endian float32 and float64 in C order are read,
 * float32 is written.
 */
public final class Npy {
  private static final byte[] MAGIC = {(byte) 0x93, 'N', 'U', 'M', 'P', 'Y'};
  private static final Pattern HEADER =
      Pattern.compile(
          "\\{\\s*'descr':\\s*'([^']*)',\\s*'fortran_order':\\s*(True|False),"
              + "\\s*'shape':\\s*\\(([0-9, ]*)\\),?\\s*\\}\\s*");

  private Npy() {}

  /**
   * Reads an array.
   *
   * @param file a .npy file of '&lt;f4' or '&lt;f8'
   * @return its elements as float32
   * @throws DataException if it is not such a file
   */
  public static HostTensor read(Path file) {
    byte[] bytes;
    try {
      bytes = Files.readAllBytes(file);
    } catch (IOException e) {
      throw new DataException(file + ": cannot be read: " + e, e);
    }
    return parse(bytes, file.toString());
  }

  static HostTensor parse(byte[] bytes, String name) {
    ByteBuffer buffer = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    if (bytes.length < 12 || !ByteBuffer.wrap(bytes, 0, 6).equals(ByteBuffer.wrap(MAGIC))) {
      throw new DataException(name + ": not a .npy file; save the array with numpy.save");
    }
    boolean wide = bytes[6] >= 2;
    int start = wide ? 12 : 10;
    long length = wide ? Integer.toUnsignedLong(buffer.getInt(8)) : buffer.getShort(8) & 0xFFFF;
    if (start + length > bytes.length) {
      throw new DataException(name + ": truncated in its header; save the array again");
    }
    Matcher header = HEADER.matcher(new String(bytes, start, (int) length, StandardCharsets.UTF_8));
    if (!header.matches() || !header.group(1).matches("<f[48]") || header.group(2).equals("True")) {
      throw new DataException(
          name
              + ": only little-endian float32 and float64 arrays in C order are read; save it with"
              + " numpy.save(name, numpy.ascontiguousarray(a, dtype='<f4'))");
    }
    Shape shape = shape(header.group(3), name);
    int width = header.group(1).equals("<f4") ? 4 : 8;
    long available = bytes.length - start - length;
    if (shape.elements() > available / width || shape.elements() * width != available) {
      throw new DataException(
          name
              + ": shape "
              + shape
              + " needs "
              + shape.elements()
              + " elements of "
              + width
              + " bytes, the file has "
              + available
              + " bytes; save the array again");
    }
    ByteBuffer data =
        buffer.position((int) (start + length)).slice().order(ByteOrder.LITTLE_ENDIAN);
    float[] elements = new float[(int) shape.elements()];
    for (int i = 0; i < elements.length; i++) {
      elements[i] = width == 4 ? data.getFloat(i * 4) : (float) data.getDouble(i * 8);
    }
    return HostTensor.of(shape, elements);
  }

  private static Shape shape(String list, String name) {
    String trimmed = list.replace(" ", "");
    if (trimmed.isEmpty()) {
      return Shape.of();
    }
    String[] parts = trimmed.replaceFirst(",$", "").split(",", -1);
    int[] dimensions = new int[parts.length];
    try {
      for (int i = 0; i < parts.length; i++) {
        dimensions[i] = Integer.parseInt(parts[i]);
      }
      return Shape.of(dimensions);
    } catch (NumberFormatException | ArithmeticException e) {
      throw new DataException(name + ": bad shape (" + list + ")", e);
    }
  }

  /**
   * Writes an array, beside its place first, then moved there.
   *
   * @param file where; replaced if it exists
   * @param tensor what
   * @throws IOException if it cannot be written
   */
  public static void write(Path file, HostTensor tensor) throws IOException {
    StringBuilder dimensions = new StringBuilder();
    for (int dimension : tensor.shape().toArray()) {
      dimensions.append(dimension).append(", ");
    }
    if (tensor.shape().rank() > 1) {
      dimensions.setLength(dimensions.length() - 2);
    }
    String header =
        "{'descr': '<f4', 'fortran_order': False, 'shape': ("
            + dimensions.toString().trim()
            + "), }";
    int padded = (10 + header.length() + 1 + 63) / 64 * 64 - 10;
    ByteBuffer bytes =
        ByteBuffer.allocate(10 + padded + Math.toIntExact(tensor.shape().elements() * Float.BYTES))
            .order(ByteOrder.LITTLE_ENDIAN);
    bytes.put(MAGIC).put((byte) 1).put((byte) 0).putShort((short) padded);
    bytes.put(header.getBytes(StandardCharsets.US_ASCII));
    while (bytes.position() < 10 + padded - 1) {
      bytes.put((byte) ' ');
    }
    bytes.put((byte) '\n');
    bytes.slice().order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer().put(tensor.buffer());
    WholeFile.write(file, bytes.array());
  }
}
