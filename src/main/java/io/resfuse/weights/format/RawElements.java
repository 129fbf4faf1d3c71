package io.resfuse.weights.format;

import io.resfuse.tensor.DataType;
import io.resfuse.tensor.HostTensor;
import io.resfuse.tensor.Shape;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** Elements of any type in a byte buffer of either byte order, as float32. */
final class RawElements {
  private RawElements() {}

  /**
   * A dense row-major tensor from index 0 of the buffer: a view where the bytes are float32 in
   * native order in aligned direct memory, else a copy.
   */
  static HostTensor dense(Shape shape, DataType type, ByteBuffer bytes) {
    if (type == DataType.FLOAT32
        && bytes.order() == ByteOrder.nativeOrder()
        && bytes.isDirect()
        && bytes.alignmentOffset(0, Float.BYTES) == 0) {
      return HostTensor.of(shape, bytes.asFloatBuffer());
    }
    float[] elements = new float[Math.toIntExact(shape.elements())];
    if (type == DataType.FLOAT32) {
      bytes.asFloatBuffer().get(elements);
    } else {
      for (int i = 0; i < elements.length; i++) {
        elements[i] = element(bytes, type, i);
      }
    }
    return HostTensor.of(shape, elements);
  }

  /**
   * A strided tensor as a dense copy: element (i, j, ...) is the buffer's element {@code offset + i
   * strides[0] + j strides[1] + ...}. The caller has checked that all of them are inside.
   */
  static HostTensor strided(
      Shape shape, DataType type, ByteBuffer bytes, int offset, int[] strides) {
    float[] elements = new float[Math.toIntExact(shape.elements())];
    int rank = shape.rank();
    int[] index = new int[rank];
    int at = offset;
    for (int i = 0; i < elements.length; i++) {
      elements[i] = element(bytes, type, at);
      for (int axis = rank - 1; axis >= 0; axis--) {
        at += strides[axis];
        if (++index[axis] < shape.dimension(axis)) {
          break;
        }
        at -= strides[axis] * shape.dimension(axis);
        index[axis] = 0;
      }
    }
    return HostTensor.of(shape, elements);
  }

  /** Element i of a buffer, rounded to float32. */
  static float element(ByteBuffer bytes, DataType type, int i) {
    return switch (type) {
      case FLOAT64 -> (float) bytes.getDouble(i * 8);
      case FLOAT32 -> bytes.getFloat(i * 4);
      case FLOAT16 -> halfToFloat(bytes.getShort(i * 2));
      case BFLOAT16 -> Float.intBitsToFloat(bytes.getShort(i * 2) << 16);
      case INT64 -> (float) bytes.getLong(i * 8);
      case INT32 -> (float) bytes.getInt(i * 4);
      case INT16 -> bytes.getShort(i * 2);
      case INT8 -> bytes.get(i);
      case UINT8 -> bytes.get(i) & 0xff;
      case BOOL -> bytes.get(i) == 0 ? 0 : 1;
    };
  }

  /** IEEE 754 binary16 to binary32, exact; NaN stays NaN. (Float.float16ToFloat is JDK 20's.) */
  static float halfToFloat(short half) {
    int sign = (half & 0x8000) << 16;
    int exponent = (half >> 10) & 0x1f;
    int fraction = half & 0x3ff;
    if (exponent == 0) {
      float magnitude = fraction * 0x1p-24f;
      return sign == 0 ? magnitude : -magnitude;
    }
    int wide = exponent == 0x1f ? 0xff : exponent + 112;
    return Float.intBitsToFloat(sign | wide << 23 | fraction << 13);
  }
}
