package io.resfuse.server.protocol;

import java.util.List;

/** An input of a request, its elements in row-major order. */
public sealed interface InputTensor {
  /** Its name. */
  String name();

  /** Its dimensions as they were sent; not checked. */
  long[] shape();

  /** The name of its type in the protocol. */
  String datatype();

  /**
   * Numbers.
   *
   * @param name of the input
   * @param shape as it was sent
   * @param elements not copied
   */
  @SuppressWarnings("ArrayRecordComponent")
  record Floats(String name, long[] shape, float[] elements) implements InputTensor {
    @Override
    public String datatype() {
      return Datatypes.FP32;
    }
  }

  /**
   * Strings of bytes.
   *
   * @param name of the input
   * @param shape as it was sent
   * @param elements not copied
   */
  @SuppressWarnings("ArrayRecordComponent")
  record Bytes(String name, long[] shape, List<byte[]> elements) implements InputTensor {
    @Override
    public String datatype() {
      return Datatypes.BYTES;
    }
  }
}
