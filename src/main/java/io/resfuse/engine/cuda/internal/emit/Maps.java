package io.resfuse.engine.cuda.internal.emit;

import io.resfuse.engine.EngineException;
import io.resfuse.engine.Operation;
import io.resfuse.engine.Value;
import io.resfuse.engine.cuda.internal.driver.Geometry;
import io.resfuse.engine.cuda.internal.kernels.BilinearResize;
import io.resfuse.engine.cuda.internal.kernels.ChannelCopy;
import io.resfuse.engine.cuda.internal.layout.Activation;
import io.resfuse.engine.cuda.internal.layout.Shapes;
import io.resfuse.engine.cuda.internal.program.Buffer;
import io.resfuse.engine.cuda.internal.program.Program;
import java.util.function.Function;

/** Adds resizing and joining of maps of features to programs, forward and backward. */
public final class Maps {
  private static final int THREADS = 256;

  /** Vectors of a pixel that a block of the gradient has: 128 bytes. */
  private static final int GRADIENT_VECTORS = 8;

  /** Of the pixels that a thread of the gradient adds up: fewer would not pay for finding them. */
  private static final int SHARES_PER_THREAD = 4;

  private final Emission emission;

  public Maps(Emission emission) {
    this.emission = emission;
  }

  /**
   * The sizes of a bilinear resize.
   *
   * @param name for messages
   * @param input sizes of the input
   * @param output sizes of the result
   */
  public record Resize(String name, Activation input, Activation output) {
    /** Places between pixels are counted in fractions of 2 H, and in 32 bits. */
    public Resize {
      requireCountable(name, input.height(), output.height());
      requireCountable(name, input.width(), output.width());
    }

    public static Resize of(Operation.BilinearResize resize, Shapes shapes) {
      return new Resize(resize.name(), shapes.of(resize.input()), shapes.of(resize.output()));
    }

    private static void requireCountable(String name, int from, int to) {
      if ((2L * from + 3) * (to + 1L) > Integer.MAX_VALUE) {
        throw new EngineException(
            name
                + ": the cuda engine cannot resize "
                + from
                + " rows or columns to "
                + to
                + "; use the engine onednn");
      }
    }
  }

  /** Each pixel of the result is a mean of four of the input. */
  public void resize(Program program, Resize resize, Buffer input, Buffer output) {
    Activation out = resize.output();
    int rowVectors = out.width() * (out.pitch() / emission.vector());
    int threads = Math.min(THREADS, rowVectors);
    Geometry geometry =
        new Geometry(
            Geometry.ceilDiv(rowVectors, threads), out.height(), out.images(), threads, 1, 0);
    launch(program, "bilinearResize", resize.name(), geometry, resize, input, output, false);
  }

  /** Its gradient. */
  public void resizeBackward(
      Program program,
      Resize resize,
      Buffer outputGradient,
      Buffer inputGradient,
      boolean accumulate) {
    Activation in = resize.input();
    Activation out = resize.output();
    int vectors = in.pitch() / emission.vector();
    int x = Math.min(GRADIENT_VECTORS, vectors);
    int sharing = sharing(in.height(), out.height()) * sharing(in.width(), out.width());
    Geometry geometry =
        new Geometry(
            (long) in.height() * in.width(),
            Geometry.ceilDiv(vectors, x),
            in.images(),
            x,
            Math.min(THREADS / x, Geometry.ceilDiv(sharing, SHARES_PER_THREAD)),
            0);
    launch(
        program,
        "bilinearResizeBackward",
        resize.name() + " gradient",
        geometry,
        resize,
        outputGradient,
        inputGradient,
        accumulate);
  }

  /** The most rows or columns of the result that have a share of one of the input. */
  private static int sharing(int from, int to) {
    return Math.min(to, Geometry.ceilDiv(2 * to, from) + 1);
  }

  private void launch(
      Program program,
      String kernel,
      String label,
      Geometry geometry,
      Resize resize,
      Buffer from,
      Buffer to,
      boolean accumulate) {
    Activation in = resize.input();
    Activation out = resize.output();
    program.launch(
        emission.typedKernel(kernel, BilinearResize.class),
        label,
        geometry,
        at ->
            new BilinearResize(
                at.of(from),
                at.of(to),
                in.images(),
                in.height(),
                in.width(),
                out.height(),
                out.width(),
                in.pitch(),
                accumulate ? 1 : 0));
  }

  /** All inputs' channels, one input's after the other's: a copy each. */
  public void concat(
      Program program,
      Operation.Concat concat,
      Shapes shapes,
      Function<Value, Buffer> tensors,
      Buffer output) {
    Activation whole = shapes.of(concat.output());
    int last = concat.inputs().size() - 1;
    for (int i = 0; i <= last; i++) {
      Value input = concat.inputs().get(i);
      Activation part = shapes.of(input);
      int before = concat.channelsBefore(i);
      // The last one also writes the padding.
      int written = i == last ? whole.pitch() - before : part.channels();
      copy(
          program,
          concat.name(),
          new Channels(part, tensors.apply(input), 0),
          new Channels(whole, output, before),
          part.channels(),
          written,
          false);
    }
  }

  /** The gradient of one of the inputs, which is a part of that of the output. */
  public void concatBackward(
      Program program,
      Operation.Concat concat,
      int input,
      Shapes shapes,
      Buffer outputGradient,
      Buffer inputGradient,
      boolean accumulate) {
    Activation part = shapes.of(concat.inputs().get(input));
    copy(
        program,
        concat.name() + " gradient",
        new Channels(shapes.of(concat.output()), outputGradient, concat.channelsBefore(input)),
        new Channels(part, inputGradient, 0),
        part.channels(),
        part.pitch(),
        accumulate);
  }

  /** Channels of a tensor from one on. */
  private record Channels(Activation shape, Buffer buffer, int first) {}

  private void copy(
      Program program,
      String label,
      Channels from,
      Channels to,
      int channels,
      int written,
      boolean accumulate) {
    int vector = emission.vector();
    boolean whole = written == channels && (from.first() | to.first() | channels) % vector == 0;
    int units = whole ? written / vector : written;
    int gridY = Geometry.ceilDiv(units, THREADS / 2);
    int x = Geometry.ceilDiv(units, gridY);
    int y = THREADS / x;
    int pixels = to.shape().rows();
    long blocks = Math.min(Geometry.ceilDiv(pixels, y), Math.max(1, emission.manyBlocks() / gridY));
    program.launch(
        emission.typedKernel("copyChannels", ChannelCopy.class),
        label,
        new Geometry(blocks, gridY, 1, x, y, 0),
        at ->
            new ChannelCopy(
                at.of(from.buffer()),
                at.of(to.buffer()),
                pixels,
                from.shape().pitch(),
                to.shape().pitch(),
                from.first(),
                to.first(),
                channels,
                written,
                accumulate ? 1 : 0));
  }
}
