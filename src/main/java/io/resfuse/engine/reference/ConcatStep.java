package io.resfuse.engine.reference;

import io.resfuse.engine.Operation.Concat;
import io.resfuse.engine.Value;

/** {@code out[n, before + c] = in[n, c]} for each input, whose channels begin at {@code before}. */
final class ConcatStep implements Step {
  private final Concat operation;
  private final Workspace workspace;

  ConcatStep(Concat operation, Workspace workspace) {
    this.operation = operation;
    this.workspace = workspace;
  }

  @Override
  public void forward(boolean training) {
    double[] out = workspace.value(operation.output()).data;
    int to = 0;
    for (Value input : operation.inputs()) {
      double[] in = workspace.value(input).data;
      System.arraycopy(in, 0, out, to, in.length);
      to += in.length;
    }
  }

  @Override
  public void backward() {
    double[] gradient = workspace.gradient(operation.output()).data;
    int from = 0;
    for (Value input : operation.inputs()) {
      if (workspace.wantsGradient(input)) {
        double[] inputGradient = workspace.gradient(input).data;
        for (int i = 0; i < inputGradient.length; i++) {
          inputGradient[i] += gradient[from + i];
        }
      }
      from += workspace.value(input).data.length;
    }
  }
}
