package io.resfuse.engine.cudnn.internal.dnn;

import io.resfuse.engine.Operation.Window;
import io.resfuse.tensor.Shape;

/**
 * A convolution of NHWC tensors without gaps.
 *
 * @param name for messages
 * @param type how tensors and weights are stored and multiplied
 * @param window geometry
 * @param groups groups of channels
 * @param input (batch, channels, height, width)
 * @param outputs output channels
 * @param tensorCores false keeps cuDNN from using them
 */
public record ConvolutionSpec(
    String name,
    DnnType type,
    Window window,
    int groups,
    Shape input,
    int outputs,
    boolean tensorCores) {
  /**
   * The result's shape.
   *
   * @return (batch, outputs, height, width)
   */
  public Shape output() {
    return Shape.of(
        input.dimension(0),
        outputs,
        window.outputSize(input.dimension(2)),
        window.outputSize(input.dimension(3)));
  }

  /** (outputs, channels of a group, rows, columns). */
  Shape weights() {
    int kernel = window.kernel();
    return Shape.of(outputs, input.dimension(1) / groups, kernel, kernel);
  }
}
