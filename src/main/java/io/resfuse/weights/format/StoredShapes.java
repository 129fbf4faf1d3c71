package io.resfuse.weights.format;

import io.resfuse.tensor.Shape;
import java.nio.file.Path;
import java.util.Arrays;

/** Shapes from files. */
final class StoredShapes {
  /** More dimensions than any tensor of a ResNet has; PyTorch's own limit is 64. */
  private static final int MAX_RANK = 64;

  /** Elements of eight bytes can be addressed within 2 GiB then. */
  private static final int MAX_ELEMENTS = Integer.MAX_VALUE / 8;

  private StoredShapes() {}

  /**
   * A shape whose dimensions and number of elements are sane.
   *
   * @throws WeightsException naming the tensor if one is negative, or there are too many elements
   *     for an array
   */
  static Shape checked(Path file, String tensor, long... dimensions) {
    double elements = 1;
    boolean sane = dimensions.length <= MAX_RANK;
    int[] sizes = new int[Math.min(dimensions.length, MAX_RANK)];
    for (int i = 0; sane && i < sizes.length; i++) {
      sane = dimensions[i] >= 0 && dimensions[i] <= Integer.MAX_VALUE;
      sizes[i] = (int) dimensions[i];
      elements *= Math.max(1, dimensions[i]);
    }
    if (!sane || elements > MAX_ELEMENTS) {
      throw WeightsException.of(
          file,
          "tensor '"
              + tensor
              + "' has the dimensions "
              + Arrays.stream(dimensions).limit(MAX_RANK).boxed().toList(),
          "tensors must have fewer than " + MAX_ELEMENTS + " elements");
    }
    return Shape.of(sizes);
  }
}
