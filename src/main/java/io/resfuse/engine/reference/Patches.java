package io.resfuse.engine.reference;

import java.util.Arrays;

/**
 * The neighbourhoods that a convolution's window sees, as a matrix: one row per input channel and
 * tap, one column per output pixel ("im2col"). Padding gives zeros.
 */
final class Patches {
  private final Loop loop;
  private final Tensor in;
  private final Tensor out;
  private final Axis rows;
  private final Axis columns;
  private final int kernel;

  Patches(Loop loop, Tensor in, Tensor out, Axis rows, Axis columns, int kernel) {
    this.loop = loop;
    this.in = in;
    this.out = out;
    this.rows = rows;
    this.columns = columns;
    this.kernel = kernel;
  }

  /** Rows of the matrix. */
  int count() {
    return in.channels * kernel * kernel;
  }

  /** Is told, run by run, which pixels a row of the matrix takes from the image. */
  private interface Visitor {
    /**
     * A run of output pixels of one row of an image, all of whose taps lie in the image.
     *
     * @param column of the first of them
     * @param source index of the first's input pixel
     * @param length pixels
     */
    void run(int column, int source, int length);
  }

  /** Visits what is not padding of a matrix row, for some images. */
  private void visit(int matrixRow, int firstImage, int images, Visitor visitor) {
    int channel = matrixRow / (kernel * kernel);
    int u = matrixRow / kernel % kernel;
    int v = matrixRow % kernel;
    int x = columns.first(v);
    int length = columns.end(v) - x;
    for (int n = 0; n < images; n++) {
      int from = in.offset(firstImage + n, channel);
      for (int y = rows.first(u); y < rows.end(u); y++) {
        visitor.run(
            n * out.plane + y * out.width + x,
            from + rows.input(y, u) * in.width + columns.input(x, v),
            length);
      }
    }
  }

  /** Writes the matrix, {@code matrix[row columns + column]}. */
  void gather(double[] image, int firstImage, int images, double[] matrix) {
    int width = images * out.plane;
    int stride = columns.window().stride();
    loop.over(
        count(),
        row -> {
          Arrays.fill(matrix, row * width, (row + 1) * width, 0);
          visit(
              row,
              firstImage,
              images,
              (column, source, length) -> {
                for (int x = 0; x < length; x++) {
                  matrix[row * width + column + x] = image[source + x * stride];
                }
              });
        });
  }

  /** Writes the transposed matrix, {@code matrix[column rows + row]}. */
  void gatherTransposed(double[] image, int firstImage, int images, double[] matrix) {
    int height = count();
    int stride = columns.window().stride();
    Arrays.fill(matrix, 0, images * out.plane * height, 0);
    loop.over(
        height,
        row ->
            visit(
                row,
                firstImage,
                images,
                (column, source, length) -> {
                  for (int x = 0; x < length; x++) {
                    matrix[(column + x) * height + row] = image[source + x * stride];
                  }
                }));
  }

  /** Adds every element of the matrix to the pixel from which it would be gathered. */
  void scatter(double[] matrix, int firstImage, int images, double[] image) {
    int width = images * out.plane;
    int stride = columns.window().stride();
    loop.over(
        in.channels,
        channel -> {
          for (int tap = 0; tap < kernel * kernel; tap++) {
            int row = channel * kernel * kernel + tap;
            visit(
                row,
                firstImage,
                images,
                (column, source, length) -> {
                  for (int x = 0; x < length; x++) {
                    image[source + x * stride] += matrix[row * width + column + x];
                  }
                });
          }
        });
  }
}
