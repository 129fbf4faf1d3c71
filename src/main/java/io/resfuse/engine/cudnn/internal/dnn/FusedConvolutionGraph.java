package io.resfuse.engine.cudnn.internal.dnn;

import io.resfuse.tensor.Shape;

/**
 * {@code relu(scale * convolution(input, weights) + bias + residual)} as one graph of cuDNN's,
 * which may run as one kernel; residual and ReLU are optional. Scale and bias are one float per
 * channel. Not thread-safe.
 */
public final class FusedConvolutionGraph implements AutoCloseable {
  /** What tensors are known by. */
  static final long INPUT = 1;

  static final long WEIGHTS = 2;
  static final long SCALE = 3;
  static final long BIAS = 4;
  static final long RESIDUAL = 5;
  static final long OUTPUT = 6;

  private final OperationGraph graph = new OperationGraph();

  /**
   * What is convolved.
   *
   * @param convolution geometry and types
   * @param residual whether a tensor of the result's shape is added
   * @param relu whether max(0, x) ends it
   */
  public record Spec(ConvolutionSpec convolution, boolean residual, boolean relu) {}

  /**
   * Describes and finalises the operations, which cuDNN checks against each other; no device is
   * needed for that.
   *
   * @param spec what to convolve
   * @throws io.resfuse.engine.EngineException if cuDNN does not take an operation
   */
  public FusedConvolutionGraph(Spec spec) {
    boolean done = false;
    try {
      build(spec);
      done = true;
    } finally {
      if (!done) {
        close();
      }
    }
  }

  private void build(Spec spec) {
    ConvolutionSpec convolution = spec.convolution();
    int stored = convolution.type().dataType();
    Shape result = convolution.output();
    BackendDescriptor output = graph.tensor(OUTPUT, stored, result);
    BackendDescriptor sum = graph.between(result);
    graph.convolve(
        convolution.window(),
        graph.tensor(INPUT, stored, convolution.input()),
        graph.tensor(WEIGHTS, stored, convolution.weights()),
        sum);
    BackendDescriptor value =
        graph.multiply(sum, graph.channels(SCALE, convolution.outputs()), graph.between(result));
    value =
        graph.add(
            value,
            graph.channels(BIAS, convolution.outputs()),
            1,
            spec.residual() || spec.relu() ? graph.between(result) : output);
    if (spec.residual()) {
      value =
          graph.add(
              value,
              graph.tensor(RESIDUAL, stored, result),
              1,
              spec.relu() ? graph.between(result) : output);
    }
    if (spec.relu()) {
      graph.rectify(value, output);
    }
  }

  /**
   * How many operations it has.
   *
   * @return convolution, scale, bias, and residual and ReLU where there are such
   */
  public int operations() {
    return graph.operations();
  }

  /**
   * Joins the operations to a graph of cuDNN's for a device, which cuDNN checks as a whole.
   *
   * @param handle of the device
   * @throws io.resfuse.engine.EngineException if cuDNN does not take the graph
   */
  public void join(Handle handle) {
    graph.join(handle);
  }

  OperationGraph graph() {
    return graph;
  }

  /** Destroys its descriptors. Idempotent. */
  @Override
  public void close() {
    graph.close();
  }
}
