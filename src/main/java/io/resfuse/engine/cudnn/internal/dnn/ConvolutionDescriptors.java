package io.resfuse.engine.cudnn.internal.dnn;

import io.resfuse.tensor.Shape;

/** The descriptors of a convolution of NHWC tensors without gaps, and of its gradients. */
public final class ConvolutionDescriptors implements AutoCloseable {
  private final DnnObjects owned = new DnnObjects();
  private final TensorDescriptor input;
  private final FilterDescriptor weights;
  private final TensorDescriptor output;
  private final ConvolutionDescriptor convolution;
  private final Shape outputShape;

  /**
   * Describes a convolution.
   *
   * @param spec which
   * @throws io.resfuse.engine.EngineException if cuDNN does not take it
   */
  public ConvolutionDescriptors(ConvolutionSpec spec) {
    DnnType type = spec.type();
    boolean done = false;
    try {
      int channels = spec.input().dimension(1);
      this.input = owned.own(new TensorDescriptor(type, spec.input(), channels));
      this.weights =
          owned.own(
              new FilterDescriptor(
                  type, spec.outputs(), channels / spec.groups(), spec.window().kernel()));
      this.convolution =
          owned.own(
              new ConvolutionDescriptor(type, spec.window(), spec.groups(), spec.tensorCores()));
      this.outputShape = convolution.outputShape(input, weights);
      this.output = owned.own(new TensorDescriptor(type, outputShape, spec.outputs()));
      done = true;
    } finally {
      if (!done) {
        close();
      }
    }
  }

  /**
   * The result's shape, as cuDNN tells.
   *
   * @return (batch, channels, height, width)
   */
  public Shape outputShape() {
    return outputShape;
  }

  TensorDescriptor input() {
    return input;
  }

  FilterDescriptor weights() {
    return weights;
  }

  TensorDescriptor output() {
    return output;
  }

  ConvolutionDescriptor convolution() {
    return convolution;
  }

  /** Destroys them. Idempotent. */
  @Override
  public void close() {
    owned.close();
  }
}
