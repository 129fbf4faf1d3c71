package io.resfuse.engine.reference;

import io.resfuse.engine.Operation.AveragePool;

/**
 * {@code out[n, c, y, x]} is the mean of those of the pixels {@code (size y + u, size x + v)} that
 * the image has, 0 <= u, v < size. Each gets as much of the gradient. Of integers it is the nearest
 * integer, ties to even.
 */
final class AveragePoolStep implements Step {
  private final AveragePool operation;
  private final Workspace workspace;
  private final Tensor in;
  private final Tensor out;

  AveragePoolStep(AveragePool operation, Workspace workspace) {
    this.operation = operation;
    this.workspace = workspace;
    this.in = workspace.value(operation.input());
    this.out = workspace.value(operation.output());
  }

  @Override
  public void forward(boolean training) {
    boolean integers = workspace.encoding(operation.output()) != null;
    forEachSquare(
        (square, firstPixel, rows, columns) -> {
          double sum = 0;
          for (int u = 0; u < rows; u++) {
            for (int v = 0; v < columns; v++) {
              sum += in.data[firstPixel + u * in.width + v];
            }
          }
          double mean = sum / (rows * columns);
          out.data[square] = integers ? Math.rint(mean) : mean;
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
    forEachSquare(
        (square, firstPixel, rows, columns) -> {
          for (int u = 0; u < rows; u++) {
            for (int v = 0; v < columns; v++) {
              inputGradient[firstPixel + u * in.width + v] += gradient[square] / (rows * columns);
            }
          }
        });
  }

  private interface Square {
    void visit(int square, int firstPixel, int rows, int columns);
  }

  private void forEachSquare(Square visitor) {
    int size = operation.size();
    workspace
        .loop()
        .over(
            out.batch * out.channels,
            plane -> {
              for (int y = 0; y < out.height; y++) {
                for (int x = 0; x < out.width; x++) {
                  visitor.visit(
                      plane * out.plane + y * out.width + x,
                      plane * in.plane + y * size * in.width + x * size,
                      Math.min(size, in.height - y * size),
                      Math.min(size, in.width - x * size));
                }
              }
            });
  }
}
