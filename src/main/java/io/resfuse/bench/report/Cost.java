package io.resfuse.bench.report;

import io.resfuse.engine.Engine;
import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.Operation;
import io.resfuse.engine.Operation.BilinearResize;
import io.resfuse.engine.Operation.Concat;
import io.resfuse.engine.Operation.FusedConv;
import io.resfuse.engine.Operation.MaxPool;
import io.resfuse.engine.Operation.SqueezeExcite;
import io.resfuse.engine.Operation.SubsampledIdentity;
import io.resfuse.engine.ParameterSpec;
import io.resfuse.engine.Precision;
import io.resfuse.tensor.Shape;

/**
 * The least that an operation has to compute and to move.
 *
 * <p>One multiply-add is two FLOPs; those of convolutions and linear layers count. In training they
 * are counted for the result, the gradient of the weights and, unless the input is the image, the
 * gradient of the input.
 *
 * <p>Every tensor moves once per pass that needs it, in the element type of the precision: forward
 * input, weights, residual and result; backward the result's gradient, the input, the weights, the
 * result where a batch norm or a ReLU has to know it, the gradients of input and residual, and the
 * gradient of the weights in float32. Of an input only the pixels count that a window touches.
 *
 * @param flop floating-point operations
 * @param bytes to and from memory
 */
public record Cost(double flop, double bytes) {
  /**
   * Counts.
   *
   * @param network with the operation
   * @param operation one of its operations
   * @param workload batch and size of the images, precision of tensors, and whether the backward
   *     pass counts
   * @return what it costs at least
   */
  public static Cost of(NetworkSpec network, Operation operation, Workload workload) {
    var shapes = network.shapes(workload.batch(), workload.size(), workload.size());
    boolean inputGradient = !operation.inputs().contains(network.input());
    Shape in = shapes.get(operation.inputs().get(0).id());
    Shape out = shapes.get(operation.output().id());
    double output = out.elements();
    boolean joins = operation instanceof Concat;
    double input =
        joins
            ? output
            : (double) touchedPixels(operation, in, out) * in.dimension(0) * in.dimension(1);
    double weights = weights(operation);
    boolean hasResidual = operation.inputs().size() > 1 && !joins;
    boolean mustKnowInput = !joins && !(operation instanceof BilinearResize);
    // Gates multiply the means of an image, everything else each of its pixels.
    double vectors =
        operation instanceof SqueezeExcite ? out.dimension(0) : output / out.dimension(1);
    double flop = 2 * weights * vectors;
    int element = elementBytes(workload.precision());
    double forward = element * (input + weights + output + (hasResidual ? output : 0));
    if (workload.mode() == Engine.Mode.INFERENCE) {
      return new Cost(flop, forward);
    }
    double backward =
        element * (output + (mustKnowInput ? input : 0) + weights)
            + Float.BYTES * weights
            + (mustKnowResult(operation) ? element * output : 0)
            + (inputGradient ? element * input : 0)
            + (hasResidual ? element * output : 0);
    return new Cost(flop * (inputGradient ? 3 : 2), forward + backward);
  }

  private static double weights(Operation operation) {
    return operation.parameters().stream()
        .map(ParameterSpec::shape)
        .filter(shape -> shape.rank() > 1)
        .mapToLong(Shape::elements)
        .sum();
  }

  private static boolean mustKnowResult(Operation operation) {
    return (operation instanceof FusedConv conv && (conv.relu() || conv.batchNorm() != null))
        || (operation instanceof SqueezeExcite gating && gating.relu());
  }

  /** Of one image; windows that leave pixels between them do not read all. */
  private static long touchedPixels(Operation operation, Shape in, Shape out) {
    if (in.rank() == 2) {
      return 1;
    }
    long all = (long) in.dimension(2) * in.dimension(3);
    int kernel =
        operation instanceof FusedConv conv
            ? conv.window().kernel()
            : operation instanceof MaxPool pool ? pool.window().kernel() : 1;
    boolean slides =
        operation instanceof FusedConv
            || operation instanceof MaxPool
            || operation instanceof SubsampledIdentity;
    return slides
        ? Math.min(all, (long) out.dimension(2) * out.dimension(3) * kernel * kernel)
        : all;
  }

  private static int elementBytes(Precision precision) {
    return switch (precision) {
      case FP64 -> Double.BYTES;
      case FP32, TF32 -> Float.BYTES;
      case BF16, FP16 -> Short.BYTES;
      case INT8 -> Byte.BYTES;
    };
  }

  /**
   * The least time that it can take.
   *
   * @param ceiling of the device
   * @return seconds, of the copy or of the product, whichever is more
   */
  public double leastSeconds(Ceiling ceiling) {
    return Math.max(flop / ceiling.flopPerSecond(), bytes / ceiling.bytesPerSecond());
  }
}
