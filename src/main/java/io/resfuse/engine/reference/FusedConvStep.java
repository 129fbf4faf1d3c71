package io.resfuse.engine.reference;

import io.resfuse.engine.Operation.BatchNorm;
import io.resfuse.engine.Operation.FusedConv;
import org.jspecify.annotations.Nullable;

/** {@code out = relu(batchNorm(convolution(in)) + residual)}: one part after the other. */
final class FusedConvStep implements Step {
  private final FusedConv operation;
  private final Workspace workspace;
  private final ParameterStore parameters;
  private final Tensor in;
  private final Tensor out;
  private final @Nullable Tensor residual;
  private final Convolution convolution;
  private final @Nullable BatchNormalization norm;

  /** The convolution's result where batch statistics are taken of it, else null. */
  private final @Nullable Tensor convolved;

  FusedConvStep(FusedConv operation, Workspace workspace) {
    this.operation = operation;
    this.workspace = workspace;
    this.parameters = workspace.parameters();
    this.in = workspace.value(operation.input());
    this.out = workspace.value(operation.output());
    this.residual = operation.residual() == null ? null : workspace.value(operation.residual());
    this.convolution =
        new Convolution(
            workspace.loop(), in, out, operation.window(), operation.groups(), workspace.scratch());
    BatchNorm batchNorm = operation.batchNorm();
    this.norm =
        batchNorm == null ? null : new BatchNormalization(workspace.loop(), batchNorm, parameters);
    this.convolved = workspace.convolved(operation);
  }

  @Override
  public void forward(boolean training) {
    double[] bias = operation.bias() == null ? null : parameters.get(operation.bias());
    boolean batchStatistics = training && convolved != null;
    Tensor result = batchStatistics ? convolved : out;
    convolution.forward(in.data, parameters.rounded(operation.weight()), bias, result.data);
    if (norm != null) {
      if (batchStatistics) {
        workspace.round(result);
        norm.takeBatchStatistics(result);
      } else {
        norm.takeRunningStatistics();
      }
      norm.apply(result, out);
    }
    for (int i = 0; i < out.data.length; i++) {
      double sum = residual == null ? out.data[i] : out.data[i] + residual.data[i];
      out.data[i] = operation.relu() ? Math.max(0, sum) : sum;
    }
    workspace.round(out);
  }

  @Override
  public void backward() {
    Tensor gradient = workspace.gradient(operation.output());
    if (operation.relu()) {
      for (int i = 0; i < out.data.length; i++) {
        if (out.data[i] <= 0) {
          gradient.data[i] = 0;
        }
      }
    }
    if (operation.residual() != null && workspace.wantsGradient(operation.residual())) {
      double[] residualGradient = workspace.gradient(operation.residual()).data;
      for (int i = 0; i < residualGradient.length; i++) {
        residualGradient[i] += gradient.data[i];
      }
    }
    if (norm != null) {
      if (convolved != null) {
        BatchNorm batchNorm = operation.batchNorm();
        norm.backwardBatch(
            convolved,
            gradient,
            parameters.gradient(batchNorm.gamma()),
            parameters.gradient(batchNorm.beta()));
      } else {
        norm.backwardRunning(gradient);
      }
      workspace.round(gradient);
    }
    double[] biasGradient = operation.bias() == null ? null : parameters.gradient(operation.bias());
    if (biasGradient != null) {
      convolution.backwardBias(gradient.data, biasGradient);
    }
    double[] weightGradient = parameters.gradient(operation.weight());
    if (weightGradient != null) {
      convolution.backwardWeight(gradient.data, in.data, weightGradient);
    }
    if (workspace.wantsGradient(operation.input())) {
      convolution.backwardInput(
          gradient.data,
          parameters.rounded(operation.weight()),
          workspace.gradient(operation.input()).data);
    }
  }
}
