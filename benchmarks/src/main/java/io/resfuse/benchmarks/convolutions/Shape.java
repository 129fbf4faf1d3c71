package io.resfuse.benchmarks.convolutions;

import io.resfuse.engine.NetworkBuilder;
import io.resfuse.engine.NetworkBuilder.Conv;
import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.Operation.Window;
import java.util.ArrayList;
import java.util.List;

/**
 * A convolution by 3x3 with stride 1.
 *
 * @param images in the batch
 * @param in channels read
 * @param out channels written
 * @param size rows and columns
 */
record Shape(int images, int in, int out, int size) {
  static final String CONV = "conv";
  static final String OUTPUT = "out";

  /** What is measured: all that need no more multiplications than this. */
  private static final double MOST_WORK = 2e9;

  private static final int TILE = 4;

  /** The grid: stages of ResNets, sizes that fill their tiles and such that do not. */
  static List<Shape> grid() {
    List<Shape> shapes = new ArrayList<>();
    for (int images : new int[] {1, 2, 8, 32}) {
      for (int size : new int[] {4, 7, 14, 18, 28, 56}) {
        for (int[] channels :
            new int[][] {{16, 16}, {64, 64}, {128, 128}, {256, 64}, {256, 256}, {512, 512}}) {
          Shape shape = new Shape(images, channels[0], channels[1], size);
          if (shape.products() <= MOST_WORK) {
            shapes.add(shape);
          }
        }
      }
    }
    return shapes;
  }

  /** A network that is this convolution, with bias and ReLU. */
  NetworkSpec network() {
    NetworkBuilder builder = new NetworkBuilder("convolution", in);
    Conv conv = new Conv(CONV, out, new Window(3, 1, 1, 1), 1, true, null);
    builder.output(OUTPUT, builder.fusedConv(builder.input(), conv, null, true));
    return builder.build();
  }

  double pixels() {
    return (double) images * size * size;
  }

  double tiles() {
    int across = (size + TILE - 1) / TILE;
    return (double) images * across * across;
  }

  /** Multiplications of direct convolution. */
  double products() {
    return 9 * pixels() * in * out;
  }

  @Override
  public String toString() {
    return "%dx%dx%d %d->%d".formatted(images, size, size, in, out);
  }
}
