package io.resfuse.server.protocol;

import java.util.List;

/**
 * An output of an answer, its elements in row-major order: numbers, or texts where a classification
 * was asked for.
 *
 * @param name of the output
 * @param shape its dimensions
 * @param elements the numbers; none if there are texts
 * @param texts {@code value:index:label}; none if there are numbers
 * @param binary whether it was asked for as bytes
 */
@SuppressWarnings("ArrayRecordComponent")
public record OutputTensor(
    String name, long[] shape, float[] elements, List<String> texts, boolean binary) {
  /**
   * The name of its type in the protocol.
   *
   * @return {@link Datatypes#FP32} or {@link Datatypes#BYTES}
   */
  public String datatype() {
    return texts.isEmpty() ? Datatypes.FP32 : Datatypes.BYTES;
  }
}
