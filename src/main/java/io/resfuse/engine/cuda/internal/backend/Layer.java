package io.resfuse.engine.cuda.internal.backend;

import io.resfuse.engine.Operation;
import io.resfuse.engine.Operation.FusedConv;
import io.resfuse.engine.Operation.Linear;
import io.resfuse.engine.ParameterSpec;
import io.resfuse.engine.Value;
import io.resfuse.engine.cuda.internal.layout.ConvolutionShape;

/**
 * A convolution or linear layer whose gradients are computed.
 *
 * @param operation of the network
 * @param shape its sizes
 * @param input what it reads
 * @param weight its weights
 */
public record Layer(
    Operation operation, ConvolutionShape shape, Value input, ParameterSpec weight) {
  public static Layer of(FusedConv conv, TrainingState state) {
    return new Layer(
        conv, state.layouts().shape(conv, state.shapes()), conv.input(), conv.weight());
  }

  public static Layer of(Linear linear, TrainingState state) {
    return new Layer(
        linear, state.layouts().shape(linear, state.shapes()), linear.input(), linear.weight());
  }
}
