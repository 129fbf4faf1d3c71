package io.resfuse.engine.reference;

import io.resfuse.engine.Operation.GlobalAveragePool;

/** {@code out[n, c]} is the mean of the pixels of {@code in[n, c]}. */
final class GlobalAveragePoolStep implements Step {
  private final GlobalAveragePool operation;
  private final Workspace workspace;
  private final Tensor in;
  private final Tensor out;

  GlobalAveragePoolStep(GlobalAveragePool operation, Workspace workspace) {
    this.operation = operation;
    this.workspace = workspace;
    this.in = workspace.value(operation.input());
    this.out = workspace.value(operation.output());
  }

  @Override
  public void forward(boolean training) {
    for (int plane = 0; plane < out.data.length; plane++) {
      double sum = 0;
      for (int p = 0; p < in.plane; p++) {
        sum += in.data[plane * in.plane + p];
      }
      out.data[plane] = sum / in.plane;
    }
    workspace.round(out);
  }

  @Override
  public void backward() {
    if (!workspace.wantsGradient(operation.input())) {
      return;
    }
    double[] inputGradient = workspace.gradient(operation.input()).data;
    double[] gradient = workspace.gradient(operation.output()).data;
    for (int plane = 0; plane < gradient.length; plane++) {
      for (int p = 0; p < in.plane; p++) {
        inputGradient[plane * in.plane + p] += gradient[plane] / in.plane;
      }
    }
  }
}
