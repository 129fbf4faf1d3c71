package io.resfuse.weights.format;

import io.resfuse.tensor.DataType;
import io.resfuse.tensor.Shape;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** Integers of 8 or 32 bits, to be written. Immutable: its array must not be changed. */
public final class IntegerTensor {
  private final DataType type;
  private final Shape shape;
  private final byte[] bytes;

  private IntegerTensor(DataType type, Shape shape, byte[] bytes) {
    if (shape.elements() * type.bytes() != bytes.length) {
      throw new IllegalArgumentException(
          type + " " + shape + " takes other than " + bytes.length + " bytes");
    }
    this.type = type;
    this.shape = shape;
    this.bytes = bytes;
  }

  /**
   * Signed bytes.
   *
   * @param shape its dimensions
   * @param elements row-major, not copied
   * @return a view of the array
   * @throws IllegalArgumentException if the lengths differ
   */
  public static IntegerTensor int8(Shape shape, byte... elements) {
    return new IntegerTensor(DataType.INT8, shape, elements);
  }

  /**
   * One unsigned byte, without dimensions.
   *
   * @param value 0 to 255
   * @return a scalar
   */
  public static IntegerTensor uint8(int value) {
    return new IntegerTensor(DataType.UINT8, Shape.of(), new byte[] {(byte) value});
  }

  /**
   * A vector of 32-bit integers.
   *
   * @param elements copied
   * @return of one dimension
   */
  public static IntegerTensor int32(int... elements) {
    ByteBuffer raw = ByteBuffer.allocate(4 * elements.length).order(ByteOrder.LITTLE_ENDIAN);
    for (int element : elements) {
      raw.putInt(element);
    }
    return new IntegerTensor(DataType.INT32, Shape.of(elements.length), raw.array());
  }

  DataType type() {
    return type;
  }

  Shape shape() {
    return shape;
  }

  /** Little-endian. */
  byte[] bytes() {
    return bytes;
  }
}
