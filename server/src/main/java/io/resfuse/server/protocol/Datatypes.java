package io.resfuse.server.protocol;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/** The protocol's types of elements that this server has, and how they are as bytes. */
public final class Datatypes {
  /** Float32. */
  public static final String FP32 = "FP32";

  /** Strings of bytes, of any length each. */
  public static final String BYTES = "BYTES";

  /** How many elements of BYTES an input may have: each is an object, however short it is. */
  public static final int MOST_STRINGS = 1 << 20;

  private Datatypes() {}

  /**
   * An input out of its bytes: float32 in little endian, or for BYTES each element behind its
   * length, 4 bytes in little endian.
   *
   * @param name of the input
   * @param datatype as it was sent
   * @param shape as it was sent
   * @param raw from its position to its limit
   * @return the input
   * @throws ServiceException if the bytes are none of that type
   */
  public static InputTensor read(String name, String datatype, long[] shape, ByteBuffer raw) {
    ByteBuffer bytes = raw.slice().order(ByteOrder.LITTLE_ENDIAN);
    switch (datatype) {
      case FP32 -> {
        if (bytes.remaining() % Float.BYTES != 0) {
          throw ServiceException.invalid(
              "input '%s' has %d bytes, which are no whole number of float32"
                  .formatted(name, bytes.remaining()));
        }
        float[] elements = new float[bytes.remaining() / Float.BYTES];
        bytes.asFloatBuffer().get(elements);
        return new InputTensor.Floats(name, shape, elements);
      }
      case BYTES -> {
        return new InputTensor.Bytes(name, shape, strings(name, bytes));
      }
      default -> throw unknown(name, datatype);
    }
  }

  private static List<byte[]> strings(String name, ByteBuffer bytes) {
    List<byte[]> elements = new ArrayList<>();
    while (bytes.hasRemaining()) {
      checkStrings(elements.size() + 1);
      long length = bytes.remaining() < Integer.BYTES ? -1 : Integer.toUnsignedLong(bytes.getInt());
      if (length < 0 || length > bytes.remaining()) {
        throw ServiceException.invalid(
            "input '%s': element %d of BYTES ends behind the data; each is 4 bytes of length (little endian) and as many bytes"
                .formatted(name, elements.size()));
      }
      byte[] element = new byte[(int) length];
      bytes.get(element);
      elements.add(element);
    }
    return elements;
  }

  /**
   * Refuses too many elements of BYTES.
   *
   * @param count how many there are
   * @throws ServiceException if they are more than {@link #MOST_STRINGS}
   */
  public static void checkStrings(int count) {
    if (count > MOST_STRINGS) {
      throw ServiceException.invalid(
          "an input has at most %d elements of BYTES here".formatted(MOST_STRINGS));
    }
  }

  /**
   * That an input's type is not one of ours.
   *
   * @param name of the input
   * @param datatype as it was sent
   * @return to be thrown
   */
  public static ServiceException unknown(String name, String datatype) {
    return ServiceException.invalid(
        "input '%s' has datatype '%s'; this server takes %s and %s"
            .formatted(name, datatype, FP32, BYTES));
  }

  /**
   * An output as bytes, as {@link #read} takes them.
   *
   * @param output of either type
   * @return new bytes, from 0 to the limit
   */
  public static ByteBuffer write(OutputTensor output) {
    if (output.texts().isEmpty()) {
      float[] elements = output.elements();
      ByteBuffer bytes =
          ByteBuffer.allocate(elements.length * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
      bytes.asFloatBuffer().put(elements);
      return bytes;
    }
    List<byte[]> texts =
        output.texts().stream().map(text -> text.getBytes(StandardCharsets.UTF_8)).toList();
    int size = texts.stream().mapToInt(text -> Integer.BYTES + text.length).sum();
    ByteBuffer bytes = ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN);
    texts.forEach(text -> bytes.putInt(text.length).put(text));
    return bytes.flip();
  }
}
