package io.resfuse.tensor;

/** The element types that tensors on disk and on devices have. */
public enum DataType {
  /** IEEE 754 double. */
  FLOAT64(8),
  /** IEEE 754 single. */
  FLOAT32(4),
  /** IEEE 754 half. */
  FLOAT16(2),
  /** The upper half of a single: 8 exponent bits, 7 fraction bits. */
  BFLOAT16(2),
  /** Signed 64-bit integer. */
  INT64(8),
  /** Signed 32-bit integer. */
  INT32(4),
  /** Signed 16-bit integer. */
  INT16(2),
  /** Signed 8-bit integer. */
  INT8(1),
  /** Unsigned 8-bit integer. */
  UINT8(1),
  /** A byte that is 0 or 1. */
  BOOL(1);

  private final int bytes;

  DataType(int bytes) {
    this.bytes = bytes;
  }

  /**
   * The size of one element.
   *
   * @return bytes per element
   */
  public int bytes() {
    return bytes;
  }
}
