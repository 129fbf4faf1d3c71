package io.resfuse.weights;

import io.resfuse.tensor.HostTensor;
import io.resfuse.tensor.Shape;
import io.resfuse.weights.format.StoredTensor;
import java.nio.FloatBuffer;

/**
 * A tensor of a file as the parameter that it stands for.
 *
 * @param parameter torchvision's name
 * @param tensor of the file
 * @param order how its dimensions become torchvision's
 */
record MappedTensor(String parameter, StoredTensor tensor, Order order) {
  /** Orders of dimensions in files. */
  enum Order {
    /** torchvision's own. */
    SAME,
    /** A convolution kernel as (height, width, in, out). */
    HWIO,
    /** A dense kernel as (in, out). */
    IN_OUT
  }

  /** The shape in torchvision's order. */
  Shape shape() {
    Shape s = tensor.shape();
    return switch (order) {
      case SAME -> s;
      case HWIO -> Shape.of(s.dimension(3), s.dimension(2), s.dimension(0), s.dimension(1));
      case IN_OUT -> Shape.of(s.dimension(1), s.dimension(0));
    };
  }

  /** The elements in torchvision's order: the file's own view where nothing is moved. */
  HostTensor load() {
    HostTensor loaded = tensor.load();
    Shape s = loaded.shape();
    return switch (order) {
      case SAME -> loaded;
      case HWIO -> hwioToOihw(loaded);
      case IN_OUT ->
          HostTensor.of(shape(), transpose(loaded.buffer(), s.dimension(0), s.dimension(1)));
    };
  }

  private HostTensor hwioToOihw(HostTensor loaded) {
    Shape s = loaded.shape();
    int taps = s.dimension(0) * s.dimension(1);
    int in = s.dimension(2);
    int out = s.dimension(3);
    // (taps in, out) -> (out, taps in), then (taps, in) -> (in, taps) within each output channel.
    float[] byOut = transpose(loaded.buffer(), taps * in, out);
    if (taps == 1) {
      return HostTensor.of(shape(), byOut);
    }
    float[] result = new float[byOut.length];
    for (int o = 0; o < out; o++) {
      int base = o * in * taps;
      for (int t = 0; t < taps; t++) {
        for (int i = 0; i < in; i++) {
          result[base + i * taps + t] = byOut[base + t * in + i];
        }
      }
    }
    return HostTensor.of(shape(), result);
  }

  /** (rows, columns) to (columns, rows), by tiles that fit the cache. */
  private static float[] transpose(FloatBuffer source, int rows, int columns) {
    final int tile = 32;
    float[] from = new float[rows * columns];
    source.get(from);
    float[] to = new float[from.length];
    for (int r0 = 0; r0 < rows; r0 += tile) {
      int r1 = Math.min(rows, r0 + tile);
      for (int c0 = 0; c0 < columns; c0 += tile) {
        int c1 = Math.min(columns, c0 + tile);
        for (int c = c0; c < c1; c++) {
          for (int r = r0; r < r1; r++) {
            to[c * rows + r] = from[r * columns + c];
          }
        }
      }
    }
    return to;
  }
}
