package io.resfuse.engine.reference;

import io.resfuse.engine.Operation.Window;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * {@code out[n,o,y,x] = bias[o] + sum over i, u, v of weight[o,i,u,v] in[n,i,y s + u d - p, x s + v
 * d - p]} with stride s, dilation d, padding p; i runs over the input channels of o's group.
 *
 * <p>Backward: {@code din[..] += weight dout}, {@code dweight += in dout}, {@code dbias += dout},
 * each summed over what the index does not name.
 */
final class Convolution {
  private final Loop loop;
  private final Tensor in;
  private final Tensor out;
  private final int kernel;
  private final int stride;
  private final int inPerGroup;
  private final int outPerGroup;
  private final Axis rows;
  private final Axis columns;

  /** A convolution between tensors of these shapes; the tensors' elements are not kept. */
  Convolution(Loop loop, Tensor inShape, Tensor outShape, Window window, int groups) {
    boolean pointwise = window.kernel() == 1 && window.stride() == 1 && window.padding() == 0;
    // Without a neighbourhood the image is one long row, which keeps the inner loops long.
    this.in = pointwise ? inShape.asRows() : inShape;
    this.out = pointwise ? outShape.asRows() : outShape;
    this.loop = loop;
    this.kernel = window.kernel();
    this.stride = window.stride();
    this.inPerGroup = in.channels / groups;
    this.outPerGroup = out.channels / groups;
    this.rows = new Axis(in.height, out.height, window);
    this.columns = new Axis(in.width, out.width, window);
  }

  /** Replaces {@code result}. */
  void forward(double[] image, double[] weight, double @Nullable [] bias, double[] result) {
    loop.over(
        out.batch * out.channels,
        plane -> {
          int n = plane / out.channels;
          int o = plane % out.channels;
          int to = out.offset(n, o);
          Arrays.fill(result, to, to + out.plane, bias == null ? 0 : bias[o]);
          for (int i = 0; i < inPerGroup; i++) {
            int from = in.offset(n, o / outPerGroup * inPerGroup + i);
            for (int u = 0; u < kernel; u++) {
              for (int v = 0; v < kernel; v++) {
                double w = weight[weightIndex(o, i, u, v)];
                int x = columns.first(v);
                int count = columns.end(v) - x;
                for (int y = rows.first(u); y < rows.end(u); y++) {
                  int source = from + rows.input(y, u) * in.width + columns.input(x, v);
                  gather(w, image, source, result, to + y * out.width + x, count);
                }
              }
            }
          }
        });
  }

  /** Adds to {@code imageGradient}. */
  void backwardInput(double[] gradient, double[] weight, double[] imageGradient) {
    loop.over(
        in.batch * in.channels,
        plane -> {
          int n = plane / in.channels;
          int group = plane % in.channels / inPerGroup;
          int i = plane % in.channels % inPerGroup;
          int to = in.offset(n, plane % in.channels);
          for (int o = group * outPerGroup; o < (group + 1) * outPerGroup; o++) {
            int from = out.offset(n, o);
            for (int u = 0; u < kernel; u++) {
              for (int v = 0; v < kernel; v++) {
                double w = weight[weightIndex(o, i, u, v)];
                int x = columns.first(v);
                int count = columns.end(v) - x;
                for (int y = rows.first(u); y < rows.end(u); y++) {
                  int target = to + rows.input(y, u) * in.width + columns.input(x, v);
                  scatter(w, gradient, from + y * out.width + x, imageGradient, target, count);
                }
              }
            }
          }
        });
  }

  /** Adds to {@code weightGradient}. */
  void backwardWeight(double[] gradient, double[] image, double[] weightGradient) {
    loop.over(
        out.channels,
        o -> {
          for (int i = 0; i < inPerGroup; i++) {
            for (int u = 0; u < kernel; u++) {
              for (int v = 0; v < kernel; v++) {
                int x = columns.first(v);
                int count = columns.end(v) - x;
                double sum = 0;
                for (int n = 0; n < in.batch; n++) {
                  int of = out.offset(n, o);
                  int from = in.offset(n, o / outPerGroup * inPerGroup + i);
                  for (int y = rows.first(u); y < rows.end(u); y++) {
                    int source = from + rows.input(y, u) * in.width + columns.input(x, v);
                    sum += dot(gradient, of + y * out.width + x, image, source, count);
                  }
                }
                weightGradient[weightIndex(o, i, u, v)] += sum;
              }
            }
          }
        });
  }

  /** Adds to {@code biasGradient}. */
  void backwardBias(double[] gradient, double[] biasGradient) {
    loop.over(
        out.channels,
        o -> {
          double sum = 0;
          for (int n = 0; n < out.batch; n++) {
            int from = out.offset(n, o);
            for (int p = 0; p < out.plane; p++) {
              sum += gradient[from + p];
            }
          }
          biasGradient[o] += sum;
        });
  }

  private int weightIndex(int o, int i, int u, int v) {
    return ((o * inPerGroup + i) * kernel + u) * kernel + v;
  }

  private void gather(double w, double[] source, int from, double[] target, int to, int count) {
    if (stride == 1) {
      for (int x = 0; x < count; x++) {
        target[to + x] += w * source[from + x];
      }
    } else {
      for (int x = 0; x < count; x++) {
        target[to + x] += w * source[from + x * stride];
      }
    }
  }

  private void scatter(double w, double[] source, int from, double[] target, int to, int count) {
    if (stride == 1) {
      for (int x = 0; x < count; x++) {
        target[to + x] += w * source[from + x];
      }
    } else {
      for (int x = 0; x < count; x++) {
        target[to + x * stride] += w * source[from + x];
      }
    }
  }

  private double dot(double[] a, int fromA, double[] b, int fromB, int count) {
    double sum = 0;
    for (int x = 0; x < count; x++) {
      sum += a[fromA + x] * b[fromB + x * stride];
    }
    return sum;
  }
}
