package io.resfuse.engine.reference;

import io.resfuse.engine.Encoding;
import io.resfuse.engine.Operation.FusedConv;
import io.resfuse.engine.QuantizedNetwork;
import io.resfuse.engine.QuantizedNetwork.Epilogue;
import io.resfuse.engine.QuantizedWeights;
import org.jspecify.annotations.Nullable;

/**
 * A convolution of integers, as {@link QuantizedNetwork} has the formula. The integers are doubles:
 * sums up to 2^53 are exact in any order.
 */
final class IntegerConvStep implements Step {
  private final FusedConv operation;
  private final Workspace workspace;
  private final Tensor in;
  private final Tensor out;
  private final @Nullable Tensor residual;
  private final Convolution convolution;
  private final double[] weights;
  private final Epilogue epilogue;
  private final boolean storesIntegers;

  /** The input less its zero point; null where that is 0. */
  private final double @Nullable [] shifted;

  private final int zeroPoint;

  IntegerConvStep(FusedConv operation, QuantizedNetwork integers, Workspace workspace) {
    this.operation = operation;
    this.workspace = workspace;
    this.in = workspace.value(operation.input());
    this.out = workspace.value(operation.output());
    this.residual = operation.residual() == null ? null : workspace.value(operation.residual());
    this.convolution =
        new Convolution(
            workspace.loop(), in, out, operation.window(), operation.groups(), workspace.scratch());
    QuantizedWeights quantized = integers.weights(operation);
    this.weights = new double[quantized.weights().length];
    for (int i = 0; i < weights.length; i++) {
      weights[i] = quantized.weights()[i];
    }
    this.epilogue = integers.epilogue(operation);
    Encoding encoding = integers.encoding(operation.input());
    this.zeroPoint = encoding.zeroPoint();
    this.shifted = zeroPoint == 0 ? null : new double[in.data.length];
    this.storesIntegers = integers.encoding(operation.output()) != null;
  }

  @Override
  public void forward(boolean training) {
    convolution.forward(image(), weights, null, out.data);
    workspace.loop().over(out.channels, this::finish);
  }

  private double[] image() {
    double[] copy = shifted;
    if (copy == null) {
      return in.data;
    }
    for (int i = 0; i < copy.length; i++) {
      copy[i] = in.data[i] - zeroPoint;
    }
    return copy;
  }

  private void finish(int channel) {
    float multiplier = epilogue.multiplier()[channel];
    float bias = epilogue.bias()[channel];
    int begin = out.offset(0, channel);
    int end = begin + out.batch * out.plane;
    for (int i = begin; i < end; i++) {
      float y = (float) out.data[i] * multiplier + bias;
      if (residual != null) {
        y = Math.fma((float) residual.data[i], epilogue.residual(), y);
      }
      if (operation.relu()) {
        y = Math.max(0, y);
      }
      out.data[i] = storesIntegers ? Encoding.saturate(y) : y;
    }
  }

  @Override
  public void backward() {
    throw new AssertionError("int8 is for inference");
  }
}
