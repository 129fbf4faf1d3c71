package io.resfuse.engine.reference;

import io.resfuse.engine.Operation.BilinearResize;

/**
 * {@code out[Y, X]} is the sum of four pixels of each plane by the products of their shares of row
 * and column; see {@link BilinearResize}. Each of them gets as much of the gradient.
 */
final class BilinearResizeStep implements Step {
  private final BilinearResize operation;
  private final Workspace workspace;
  private final Tensor in;
  private final Tensor out;
  private final Interpolation rows;
  private final Interpolation columns;

  BilinearResizeStep(BilinearResize operation, Workspace workspace) {
    this.operation = operation;
    this.workspace = workspace;
    this.in = workspace.value(operation.input());
    this.out = workspace.value(operation.output());
    this.rows = new Interpolation(in.height, out.height);
    this.columns = new Interpolation(in.width, out.width);
  }

  /** Where the output's rows or columns lie in the input. */
  private static final class Interpolation {
    /** The input's row or column at or before each. */
    final int[] before;

    /** The next one, or the same at the end. */
    final int[] behind;

    /** The share of the one behind. */
    final double[] share;

    Interpolation(int inputs, int outputs) {
      before = new int[outputs];
      behind = new int[outputs];
      share = new double[outputs];
      for (int o = 0; o < outputs; o++) {
        double place = Math.max(0, (o + 0.5) * ((double) inputs / outputs) - 0.5);
        before[o] = Math.min((int) place, inputs - 1);
        behind[o] = Math.min(before[o] + 1, inputs - 1);
        share[o] = place - before[o];
      }
    }
  }

  @Override
  public void forward(boolean training) {
    forEachPixel(
        (to, a, b, c, d, row, column) -> {
          double above = (1 - column) * in.data[a] + column * in.data[b];
          double below = (1 - column) * in.data[c] + column * in.data[d];
          out.data[to] = (1 - row) * above + row * below;
        });
    workspace.round(out);
  }

  @Override
  public void backward() {
    if (!workspace.wantsGradient(operation.input())) {
      return;
    }
    double[] inputGradient = workspace.gradient(operation.input()).data;
    double[] gradient = workspace.gradient(operation.output()).data;
    forEachPixel(
        (from, a, b, c, d, row, column) -> {
          inputGradient[a] += (1 - row) * (1 - column) * gradient[from];
          inputGradient[b] += (1 - row) * column * gradient[from];
          inputGradient[c] += row * (1 - column) * gradient[from];
          inputGradient[d] += row * column * gradient[from];
        });
  }

  private interface Pixel {
    /** A pixel, the four that it lies between, and the shares of those below and to the right. */
    void visit(int pixel, int a, int b, int c, int d, double row, double column);
  }

  private void forEachPixel(Pixel visitor) {
    workspace
        .loop()
        .over(
            out.batch * out.channels,
            plane -> {
              for (int y = 0; y < out.height; y++) {
                int above = plane * in.plane + rows.before[y] * in.width;
                int below = plane * in.plane + rows.behind[y] * in.width;
                for (int x = 0; x < out.width; x++) {
                  int left = columns.before[x];
                  int right = columns.behind[x];
                  visitor.visit(
                      plane * out.plane + y * out.width + x,
                      above + left,
                      above + right,
                      below + left,
                      below + right,
                      rows.share[y],
                      columns.share[x]);
                }
              }
            });
  }
}
