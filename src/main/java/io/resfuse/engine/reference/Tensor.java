package io.resfuse.engine.reference;

import io.resfuse.tensor.Shape;
import io.resfuse.tensor.TensorLayout;
import java.nio.FloatBuffer;
import java.util.Arrays;

/**
 * An activation or its gradient: doubles in the order channel, image, row, column, so that all that
 * a channel has lies together. A flat value has one row and one column.
 */
final class Tensor {
  final double[] data;
  final int batch;
  final int channels;
  final int height;
  final int width;

  /** Pixels of one channel of one image. */
  final int plane;

  private Tensor(double[] data, int batch, int channels, int height, int width) {
    this.data = data;
    this.batch = batch;
    this.channels = channels;
    this.height = height;
    this.width = width;
    this.plane = height * width;
  }

  /** Zeros of the shape (batch, channels) or (batch, channels, height, width). */
  static Tensor zeros(Shape shape) {
    boolean flat = shape.rank() == 2;
    return new Tensor(
        new double[Math.toIntExact(shape.elements())],
        shape.dimension(0),
        shape.dimension(1),
        flat ? 1 : shape.dimension(2),
        flat ? 1 : shape.dimension(3));
  }

  /** Where a channel of an image begins. */
  int offset(int image, int channel) {
    return (channel * batch + image) * plane;
  }

  Tensor copy() {
    return new Tensor(data.clone(), batch, channels, height, width);
  }

  /** Which images have no NaN and no infinity. */
  boolean[] finiteImages() {
    boolean[] finite = new boolean[batch];
    Arrays.fill(finite, true);
    for (int i = 0; i < data.length; i++) {
      if (!Double.isFinite(data[i])) {
        finite[i / plane % batch] = false;
      }
    }
    return finite;
  }

  /** Makes NaN of the images that are not finite. */
  void spoil(boolean[] finite) {
    for (int i = 0; i < data.length; i++) {
      if (!finite[i / plane % batch]) {
        data[i] = Double.NaN;
      }
    }
  }

  /** A copy of the elements in NCHW order. */
  double[] toNchw() {
    double[] copy = new double[data.length];
    for (int n = 0; n < batch; n++) {
      for (int c = 0; c < channels; c++) {
        int to = hostIndex(TensorLayout.NCHW, n, c, 0);
        System.arraycopy(data, offset(n, c), copy, to, plane);
      }
    }
    return copy;
  }

  /** Reads all elements from a host buffer. */
  void read(FloatBuffer source, TensorLayout layout) {
    for (int n = 0; n < batch; n++) {
      for (int c = 0; c < channels; c++) {
        for (int p = 0; p < plane; p++) {
          data[offset(n, c) + p] = source.get(hostIndex(layout, n, c, p));
        }
      }
    }
  }

  /** Writes all elements to a host buffer. */
  void write(FloatBuffer target, TensorLayout layout) {
    for (int n = 0; n < batch; n++) {
      for (int c = 0; c < channels; c++) {
        for (int p = 0; p < plane; p++) {
          target.put(hostIndex(layout, n, c, p), (float) data[offset(n, c) + p]);
        }
      }
    }
  }

  /** Where a host buffer of a layout has a pixel (row times width plus column) of a channel. */
  int hostIndex(TensorLayout layout, int image, int channel, int pixel) {
    return switch (layout) {
      case NCHW -> (image * channels + channel) * plane + pixel;
      case NHWC -> (image * plane + pixel) * channels + channel;
    };
  }
}
