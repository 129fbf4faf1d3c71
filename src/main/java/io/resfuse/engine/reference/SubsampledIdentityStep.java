package io.resfuse.engine.reference;

import io.resfuse.engine.Operation.SubsampledIdentity;

/** {@code out[n, c + before, y, x] = in[n, c, y stride, x stride]}, zero in all other channels. */
final class SubsampledIdentityStep implements Step {
  private final SubsampledIdentity operation;
  private final Workspace workspace;
  private final Tensor in;
  private final Tensor out;

  SubsampledIdentityStep(SubsampledIdentity operation, Workspace workspace) {
    this.operation = operation;
    this.workspace = workspace;
    this.in = workspace.value(operation.input());
    this.out = workspace.value(operation.output());
  }

  @Override
  public void forward(boolean training) {
    // The other channels are zero from the start and stay so.
    workspace
        .loop()
        .over(
            in.batch * in.channels,
            plane -> {
              for (int y = 0; y < out.height; y++) {
                for (int x = 0; x < out.width; x++) {
                  out.data[outIndex(plane, y, x)] = in.data[inIndex(plane, y, x)];
                }
              }
            });
  }

  @Override
  public void backward() {
    if (!workspace.wantsGradient(operation.input())) {
      return;
    }
    double[] inputGradient = workspace.gradient(operation.input()).data;
    double[] gradient = workspace.gradient(operation.output()).data;
    workspace
        .loop()
        .over(
            in.batch * in.channels,
            plane -> {
              for (int y = 0; y < out.height; y++) {
                for (int x = 0; x < out.width; x++) {
                  inputGradient[inIndex(plane, y, x)] += gradient[outIndex(plane, y, x)];
                }
              }
            });
  }

  private int inIndex(int plane, int y, int x) {
    return plane * in.plane + y * operation.stride() * in.width + x * operation.stride();
  }

  private int outIndex(int plane, int y, int x) {
    int c = plane / in.batch;
    int n = plane % in.batch;
    return out.offset(n, c + operation.channelsBefore()) + y * out.width + x;
  }
}
