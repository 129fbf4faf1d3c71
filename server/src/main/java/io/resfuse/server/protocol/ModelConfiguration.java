package io.resfuse.server.protocol;

import java.util.List;

/**
 * How a model is served, as Triton describes models.
 *
 * @param name of the model
 * @param platform what runs it
 * @param mostImages of a request
 * @param inputs of which a request has one
 * @param outputs that may be asked for
 * @param batchSizes images of the batches for which there are plans
 * @param queueDelayMicros how long a request waits for others
 * @param queueSize how many images may wait
 * @param priorities how many levels there are
 * @param usualPriority of a request that names none, from 1
 */
public record ModelConfiguration(
    String name,
    String platform,
    int mostImages,
    List<Tensor> inputs,
    List<Tensor> outputs,
    List<Integer> batchSizes,
    long queueDelayMicros,
    int queueSize,
    int priorities,
    int usualPriority) {
  /** What Triton calls the kind of software that runs models. */
  public static final String BACKEND = "resfuse";

  /** Triton's names for types of elements, of which there are these here. */
  public enum DataType {
    /** Float32. */
    TYPE_FP32,
    /** Strings of bytes. */
    TYPE_STRING
  }

  /**
   * An input or output.
   *
   * @param name of it
   * @param dataType of its elements
   * @param dimensions without the first, which is the number of images
   */
  public record Tensor(String name, DataType dataType, List<Long> dimensions) {
    /**
     * Of what clients are told of it.
     *
     * @param tensor with the number of images first
     * @return the same without; at least one dimension
     */
    public static Tensor of(TensorMetadata tensor) {
      List<Long> shape = tensor.shape();
      return new Tensor(
          tensor.name(),
          tensor.datatype().equals(Datatypes.BYTES) ? DataType.TYPE_STRING : DataType.TYPE_FP32,
          shape.size() == 1 ? List.of(1L) : shape.subList(1, shape.size()));
    }
  }
}
