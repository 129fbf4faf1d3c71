package io.resfuse.engine.cuda.internal.emit;

import io.resfuse.engine.EngineException;
import io.resfuse.engine.Operation;
import io.resfuse.engine.Operation.Window;
import io.resfuse.engine.cuda.internal.driver.Geometry;
import io.resfuse.engine.cuda.internal.kernels.AveragePool;
import io.resfuse.engine.cuda.internal.kernels.AverageSquares;
import io.resfuse.engine.cuda.internal.kernels.ElementType;
import io.resfuse.engine.cuda.internal.kernels.MaxPool;
import io.resfuse.engine.cuda.internal.kernels.MaxPoolBackward;
import io.resfuse.engine.cuda.internal.layout.Activation;
import io.resfuse.engine.cuda.internal.layout.Shapes;
import io.resfuse.engine.cuda.internal.program.Buffer;
import io.resfuse.engine.cuda.internal.program.Program;
import org.jspecify.annotations.Nullable;

/** Adds pooling to programs, forward and backward. */
public final class Poolings {
  private static final int LARGEST_KERNEL = 15;
  private static final int MOST_VECTORS = 8;
  private static final int MOST_THREADS = 512;

  /** Rows of a block: where blocks meet, rows are read twice. */
  private static final int ROWS_PER_BLOCK = 28;

  /** Of bytes, which no block keeps: caches do. */
  private static final int ROWS_OF_BYTES_PER_BLOCK = 4;

  private static final int SQUARES_THREADS = 128;
  private static final int SHARED_BYTES = 48 * 1024;

  private final Emission emission;

  public Poolings(Emission emission) {
    this.emission = emission;
  }

  /**
   * The sizes of a max pooling.
   *
   * @param name for messages
   * @param window geometry, dilation 1
   * @param input sizes of the input
   * @param output sizes of the result
   */
  public record Pooling(String name, Window window, Activation input, Activation output) {
    public Pooling {
      if (window.kernel() > LARGEST_KERNEL || window.padding() >= window.kernel()) {
        throw new EngineException(
            name
                + ": the cuda engine pools windows of up to "
                + LARGEST_KERNEL
                + " pixels with less padding than that, got "
                + window
                + "; use the engine onednn");
      }
    }
  }

  /**
   * The maximum of each window.
   *
   * @param index which tap it was, a byte per element of the result; or null
   */
  public void maxPool(
      Program program, Pooling pooling, Operand input, Buffer output, @Nullable Buffer index) {
    Activation in = pooling.input();
    Activation out = pooling.output();
    Window window = pooling.window();
    int x = Math.min(MOST_VECTORS, out.pitch() / emission.vector());
    int columns = columns(out.width(), x, c -> forwardShared(window, c, x));
    boolean bytes = emission.type() == ElementType.U8;
    int rows = Math.min(out.height(), bytes ? ROWS_OF_BYTES_PER_BLOCK : ROWS_PER_BLOCK);
    int shared = bytes ? 0 : forwardShared(window, columns, x);
    Geometry geometry = geometry(out, rows, columns, x, shared);
    program.launch(
        emission.typedKernel("maxPool", MaxPool.class),
        pooling.name(),
        geometry,
        at ->
            new MaxPool(
                at.of(input.tensor()),
                at.of(input.scale()),
                at.of(input.bias()),
                at.of(output),
                at.of(index),
                in.images(),
                in.height(),
                in.width(),
                out.height(),
                out.width(),
                out.pitch(),
                window.kernel(),
                window.stride(),
                window.padding(),
                input.rectifies(),
                rows,
                columns));
  }

  private static int forwardShared(Window window, int columns, int x) {
    return window.kernel() * ((columns - 1) * window.stride() + window.kernel()) * x * 16;
  }

  /** Its gradient. */
  public void maxPoolBackward(
      Program program,
      Pooling pooling,
      Buffer outputGradient,
      Buffer index,
      Buffer inputGradient,
      boolean accumulate) {
    Activation in = pooling.input();
    Activation out = pooling.output();
    Window window = pooling.window();
    int x = Math.min(MOST_VECTORS, out.pitch() / emission.vector());
    int columns = columns(in.width(), x, c -> backwardShared(window, c, x));
    int rows = Math.min(in.height(), 2 * ROWS_PER_BLOCK);
    Geometry geometry = geometry(in, rows, columns, x, backwardShared(window, columns, x));
    program.launch(
        emission.typedKernel("maxPoolBackward", MaxPoolBackward.class),
        pooling.name() + " gradient",
        geometry,
        at ->
            new MaxPoolBackward(
                at.of(outputGradient),
                at.of(index),
                at.of(inputGradient),
                in.images(),
                in.height(),
                in.width(),
                out.height(),
                out.width(),
                out.pitch(),
                window.kernel(),
                window.stride(),
                window.padding(),
                accumulate ? 1 : 0,
                rows,
                columns));
  }

  private int backwardShared(Window window, int columns, int x) {
    ElementType type = emission.type();
    int rows = Geometry.ceilDiv(window.kernel(), window.stride());
    int pixels = (columns + window.kernel() - 2) / window.stride() + 2;
    return rows * pixels * x * (16 + 16 / type.bytes());
  }

  private interface SharedBytes {
    int of(int columns);
  }

  /** The most columns per block that fit shared memory, spread evenly over the row. */
  private static int columns(int width, int x, SharedBytes shared) {
    int most = Math.min(width, MOST_THREADS / x);
    while (most > 1 && shared.of(most) > SHARED_BYTES) {
      most--;
    }
    return Geometry.ceilDiv(width, Geometry.ceilDiv(width, most));
  }

  private Geometry geometry(Activation tensor, int rows, int columns, int x, int shared) {
    int vectors = tensor.pitch() / emission.vector();
    return new Geometry(
        Geometry.ceilDiv(tensor.height(), rows),
        (long) Geometry.ceilDiv(tensor.width(), columns) * Geometry.ceilDiv(vectors, x),
        tensor.images(),
        x,
        Math.min(columns, MOST_THREADS / x),
        shared);
  }

  /**
   * The sizes of an average over squares.
   *
   * @param name for messages
   * @param size rows and columns of a square
   * @param input sizes of the input
   * @param output sizes of the result
   */
  public record Squares(String name, int size, Activation input, Activation output) {
    public static Squares of(Operation.AveragePool pool, Shapes shapes) {
      return new Squares(
          pool.name(), pool.size(), shapes.of(pool.input()), shapes.of(pool.output()));
    }
  }

  /** The mean of each square. */
  public void averageSquares(Program program, Squares squares, Buffer input, Buffer output) {
    squares(program, "averageSquares", squares.name(), squares, input, output, false);
  }

  /** Its gradient. */
  public void averageSquaresBackward(
      Program program,
      Squares squares,
      Buffer outputGradient,
      Buffer inputGradient,
      boolean accumulate) {
    squares(
        program,
        "averageSquaresBackward",
        squares.name() + " gradient",
        squares,
        outputGradient,
        inputGradient,
        accumulate);
  }

  private void squares(
      Program program,
      String kernel,
      String label,
      Squares squares,
      Buffer from,
      Buffer to,
      boolean accumulate) {
    Activation in = squares.input();
    Activation out = squares.output();
    int rowVectors = out.width() * (out.pitch() / emission.vector());
    int threads = Math.min(SQUARES_THREADS, rowVectors);
    Geometry geometry =
        new Geometry(
            Geometry.ceilDiv(rowVectors, threads), out.height(), out.images(), threads, 1, 0);
    program.launch(
        emission.typedKernel(kernel, AverageSquares.class),
        label,
        geometry,
        at ->
            new AverageSquares(
                at.of(from),
                at.of(to),
                in.images(),
                in.height(),
                in.width(),
                in.pitch(),
                squares.size(),
                accumulate ? 1 : 0));
  }

  /** The mean over the pixels of an image. */
  public void averagePool(
      Program program, String name, Activation shape, Buffer input, Buffer output) {
    average(program, "averagePool", name, shape, input, output, false);
  }

  /** Its gradient. */
  public void averagePoolBackward(
      Program program,
      String name,
      Activation shape,
      Buffer outputGradient,
      Buffer inputGradient,
      boolean accumulate) {
    average(
        program,
        "averagePoolBackward",
        name + " gradient",
        shape,
        outputGradient,
        inputGradient,
        accumulate);
  }

  private void average(
      Program program,
      String kernel,
      String label,
      Activation shape,
      Buffer from,
      Buffer to,
      boolean accumulate) {
    int vectors = shape.pitch() / emission.vector();
    int x = Math.min(32, vectors);
    Geometry geometry =
        new Geometry(Geometry.ceilDiv(vectors, x), shape.images(), 1, x, 256 / x, 0);
    program.launch(
        emission.typedKernel(kernel, AveragePool.class),
        label,
        geometry,
        at ->
            new AveragePool(
                at.of(from),
                at.of(to),
                shape.images(),
                shape.height() * shape.width(),
                shape.pitch(),
                accumulate ? 1 : 0));
  }
}
