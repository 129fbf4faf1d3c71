package io.resfuse.engine.reference;

import io.resfuse.engine.Operation.Window;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * {@code out[n,o,y,x] = bias[o] + sum over i, u, v of weight[o,i,u,v] in[n,i,y s + u d - p, x s + v
 * d - p]} with stride s, dilation d, padding p; i runs over the input channels of o's group.
 *
 * <p>With the {@link Patches} B (k = (i, u, v) by pixels) these are products of matrices: {@code
 * out = weight B}, and backward {@code dB = weight^T dout}, {@code dweight = dout B^T}, {@code
 * dbias} the sums of dout's rows.
 */
final class Convolution {
  /** Pixels that are computed together, so that their patches stay in the cache. */
  private static final int TILE = 128;

  /** Patches of this many elements (32 MiB) are made at once, or those of one image. */
  private static final long SCRATCH = 1 << 22;

  private final Loop loop;
  private final Tensor in;
  private final Tensor out;
  private final Patches patches;
  private final boolean pointwise;
  private final int inPerGroup;
  private final int outPerGroup;

  /** Length of a row of the weight: taps times channels of a group. */
  private final int depth;

  private final int imagesAtOnce;
  private final double[] scratch;

  /** A convolution between tensors of these shapes; their elements are not looked at. */
  Convolution(Loop loop, Tensor in, Tensor out, Window window, int groups, double[] scratch) {
    this.loop = loop;
    this.in = in;
    this.out = out;
    this.patches =
        new Patches(
            loop,
            in,
            out,
            new Axis(in.height, out.height, window),
            new Axis(in.width, out.width, window),
            window.kernel());
    this.pointwise = window.kernel() == 1 && window.stride() == 1 && window.padding() == 0;
    this.inPerGroup = in.channels / groups;
    this.outPerGroup = out.channels / groups;
    this.depth = inPerGroup * window.kernel() * window.kernel();
    this.imagesAtOnce = imagesAtOnce(patches.count(), out.plane, out.batch);
    this.scratch = scratch;
  }

  private static int imagesAtOnce(int rows, int plane, int batch) {
    return (int) Math.max(1, Math.min(batch, SCRATCH / ((long) rows * plane)));
  }

  /** The elements that the scratch array of a convolution needs. */
  static long scratchElements(int inChannels, Window window, int plane, int batch) {
    int rows = inChannels * window.kernel() * window.kernel();
    return (long) rows * plane * imagesAtOnce(rows, plane, batch);
  }

  /** Replaces {@code result}. */
  void forward(double[] image, double[] weight, double @Nullable [] bias, double[] result) {
    for (int first = 0; first < out.batch; first += imagesAtOnce) {
      int firstImage = first;
      int images = Math.min(imagesAtOnce, out.batch - first);
      int width = images * out.plane;
      if (!pointwise) {
        patches.gather(image, firstImage, images, scratch);
      }
      double[] matrix = pointwise ? image : scratch;
      int matrixStart = pointwise ? in.offset(firstImage, 0) : 0;
      int matrixStep = pointwise ? in.batch * in.plane : width;
      overTiles(
          out.channels,
          width,
          (o, from, length) -> {
            int to = out.offset(firstImage, o) + from;
            int group = o / outPerGroup;
            Arrays.fill(result, to, to + length, bias == null ? 0 : bias[o]);
            addProduct(
                weight,
                o * depth,
                1,
                matrix,
                matrixStart + group * depth * matrixStep + from,
                matrixStep,
                depth,
                result,
                to,
                length);
          });
    }
  }

  /** Adds to {@code imageGradient}. */
  void backwardInput(double[] gradient, double[] weight, double[] imageGradient) {
    for (int first = 0; first < out.batch; first += imagesAtOnce) {
      int firstImage = first;
      int images = Math.min(imagesAtOnce, out.batch - first);
      int width = images * out.plane;
      if (!pointwise) {
        Arrays.fill(scratch, 0, patches.count() * width, 0);
      }
      double[] matrix = pointwise ? imageGradient : scratch;
      int matrixStart = pointwise ? in.offset(firstImage, 0) : 0;
      int matrixStep = pointwise ? in.batch * in.plane : width;
      overTiles(
          patches.count(),
          width,
          (row, from, length) -> {
            int group = row / depth;
            addProduct(
                weight,
                group * outPerGroup * depth + row % depth,
                depth,
                gradient,
                out.offset(firstImage, group * outPerGroup) + from,
                out.batch * out.plane,
                outPerGroup,
                matrix,
                matrixStart + row * matrixStep + from,
                length);
          });
      if (!pointwise) {
        patches.scatter(scratch, firstImage, images, imageGradient);
      }
    }
  }

  /** Adds to {@code weightGradient}. */
  void backwardWeight(double[] gradient, double[] image, double[] weightGradient) {
    for (int first = 0; first < out.batch; first += imagesAtOnce) {
      int firstImage = first;
      int images = Math.min(imagesAtOnce, out.batch - first);
      patches.gatherTransposed(image, firstImage, images, scratch);
      overTiles(
          out.channels,
          depth,
          (o, from, length) ->
              addProduct(
                  gradient,
                  out.offset(firstImage, o),
                  1,
                  scratch,
                  o / outPerGroup * depth + from,
                  patches.count(),
                  images * out.plane,
                  weightGradient,
                  o * depth + from,
                  length));
    }
  }

  /** Adds to {@code biasGradient}. */
  void backwardBias(double[] gradient, double[] biasGradient) {
    int width = out.batch * out.plane;
    loop.over(
        out.channels,
        o -> {
          double sum = 0;
          for (int p = 0; p < width; p++) {
            sum += gradient[o * width + p];
          }
          biasGradient[o] += sum;
        });
  }

  /** Computes {@code length} elements of a row, from column {@code from}. */
  private interface Tile {
    void compute(int row, int from, int length);
  }

  private void overTiles(int rows, int columns, Tile tile) {
    int tiles = (columns + TILE - 1) / TILE;
    loop.over(
        tiles * rows,
        i -> {
          int from = i / rows * TILE;
          tile.compute(i % rows, from, Math.min(TILE, columns - from));
        });
  }

  /**
   * Adds a row times a matrix to a row: {@code c[c0 + p] += sum over k of a[a0 + k aStep] b[b0 + k
   * bStep + p]} for p from 0 to {@code length - 1}. Four k at a time, for speed.
   */
  private static void addProduct(
      double[] a,
      int a0,
      int aStep,
      double[] b,
      int b0,
      int bStep,
      int depth,
      double[] c,
      int c0,
      int length) {
    int k = 0;
    for (; k + 4 <= depth; k += 4) {
      int ak = a0 + k * aStep;
      int bk = b0 + k * bStep;
      addFour(a, ak, aStep, b, bk, bk + bStep, bk + 2 * bStep, bk + 3 * bStep, c, c0, length);
    }
    for (; k < depth; k++) {
      double factor = a[a0 + k * aStep];
      int bk = b0 + k * bStep;
      for (int p = 0; p < length; p++) {
        c[c0 + p] += factor * b[bk + p];
      }
    }
  }

  private static void addFour(
      double[] a,
      int a0,
      int aStep,
      double[] b,
      int first,
      int second,
      int third,
      int fourth,
      double[] c,
      int c0,
      int length) {
    double a1 = a[a0];
    double a2 = a[a0 + aStep];
    double a3 = a[a0 + 2 * aStep];
    double a4 = a[a0 + 3 * aStep];
    for (int p = 0; p < length; p++) {
      c[c0 + p] += a1 * b[first + p] + a2 * b[second + p] + a3 * b[third + p] + a4 * b[fourth + p];
    }
  }
}
