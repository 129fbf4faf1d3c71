package io.resfuse.engine.reference;

import io.resfuse.engine.Operation.MaxPool;

/**
 * The maximum over a window, the first of several equal ones in row-major order; NaN wins. Its
 * gradient goes to that element alone.
 */
final class MaxPoolStep implements Step {
  private final MaxPool operation;
  private final Workspace workspace;
  private final Tensor in;
  private final Tensor out;
  private final Axis rows;
  private final Axis columns;

  MaxPoolStep(MaxPool operation, Workspace workspace) {
    this.operation = operation;
    this.workspace = workspace;
    this.in = workspace.value(operation.input());
    this.out = workspace.value(operation.output());
    this.rows = new Axis(in.height, out.height, operation.window());
    this.columns = new Axis(in.width, out.width, operation.window());
  }

  @Override
  public void forward(boolean training) {
    workspace
        .loop()
        .over(
            out.batch * out.channels,
            plane -> {
              for (int y = 0; y < out.height; y++) {
                for (int x = 0; x < out.width; x++) {
                  out.data[plane * out.plane + y * out.width + x] =
                      in.data[indexOfMaximum(plane, y, x)];
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
            out.batch * out.channels,
            plane -> {
              for (int y = 0; y < out.height; y++) {
                for (int x = 0; x < out.width; x++) {
                  inputGradient[indexOfMaximum(plane, y, x)] +=
                      gradient[plane * out.plane + y * out.width + x];
                }
              }
            });
  }

  private int indexOfMaximum(int plane, int y, int x) {
    int best = -1;
    for (int u = 0; u < operation.window().kernel(); u++) {
      for (int v = 0; v < operation.window().kernel(); v++) {
        int row = rows.input(y, u);
        int column = columns.input(x, v);
        if (row >= 0 && row < in.height && column >= 0 && column < in.width) {
          int index = plane * in.plane + row * in.width + column;
          if (best < 0 || in.data[index] > in.data[best] || Double.isNaN(in.data[index])) {
            best = index;
          }
        }
      }
    }
    return best;
  }
}
