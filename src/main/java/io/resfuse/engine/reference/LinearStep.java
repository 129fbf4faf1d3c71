package io.resfuse.engine.reference;

import io.resfuse.engine.Operation.Linear;
import org.jspecify.annotations.Nullable;

/** {@code out[n, o] = bias[o] + sum over i of weight[o, i] in[n, i]}. */
final class LinearStep implements Step {
  private final Linear operation;
  private final Workspace workspace;
  private final ParameterStore parameters;
  private final Tensor in;
  private final Tensor out;

  LinearStep(Linear operation, Workspace workspace) {
    this.operation = operation;
    this.workspace = workspace;
    this.parameters = workspace.parameters();
    this.in = workspace.value(operation.input());
    this.out = workspace.value(operation.output());
  }

  @Override
  public void forward(boolean training) {
    double[] weight = parameters.rounded(operation.weight());
    double[] bias = parameters.get(operation.bias());
    for (int n = 0; n < out.batch; n++) {
      for (int o = 0; o < out.channels; o++) {
        double sum = bias[o];
        for (int i = 0; i < in.channels; i++) {
          sum += weight[o * in.channels + i] * in.data[i * in.batch + n];
        }
        out.data[o * out.batch + n] = sum;
      }
    }
    workspace.round(out);
  }

  @Override
  public void backward() {
    double[] gradient = workspace.gradient(operation.output()).data;
    double[] weight = parameters.rounded(operation.weight());
    double @Nullable [] weightGradient = parameters.gradient(operation.weight());
    double @Nullable [] biasGradient = parameters.gradient(operation.bias());
    double @Nullable [] inputGradient =
        workspace.wantsGradient(operation.input())
            ? workspace.gradient(operation.input()).data
            : null;
    for (int n = 0; n < out.batch; n++) {
      for (int o = 0; o < out.channels; o++) {
        double g = gradient[o * out.batch + n];
        if (biasGradient != null) {
          biasGradient[o] += g;
        }
        for (int i = 0; i < in.channels; i++) {
          if (weightGradient != null) {
            weightGradient[o * in.channels + i] += g * in.data[i * in.batch + n];
          }
          if (inputGradient != null) {
            inputGradient[i * in.batch + n] += g * weight[o * in.channels + i];
          }
        }
      }
    }
  }
}
