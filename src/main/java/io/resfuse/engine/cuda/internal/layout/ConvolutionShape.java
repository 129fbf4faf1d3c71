package io.resfuse.engine.cuda.internal.layout;

import io.resfuse.engine.EngineException;
import io.resfuse.engine.Operation.Window;
import io.resfuse.engine.cuda.internal.driver.Geometry;
import io.resfuse.engine.cuda.internal.kernels.ElementType;
import io.resfuse.engine.cuda.internal.kernels.Gather;
import java.util.ArrayList;
import java.util.List;

/**
 * A convolution of tensors of certain sizes, as the kernels see it.
 *
 * @param name for messages
 * @param window geometry
 * @param weights layout of the weights
 * @param input the tensor that is convolved; for a stem, the image with its border
 * @param value the input without border, in which its gradient lies
 * @param output the result
 */
public record ConvolutionShape(
    String name,
    Window window,
    WeightLayout weights,
    Activation input,
    Activation value,
    Activation output) {
  /** The kernels keep a bit per row and per column of taps. */
  private static final int MOST_TAPS = 15;

  static ConvolutionShape of(
      String name, Window window, WeightLayout weights, Activation value, Activation output) {
    Activation input = weights.stem() ? bordered(window, weights, value, output) : value;
    ConvolutionShape shape = new ConvolutionShape(name, window, weights, input, value, output);
    shape.check();
    return shape;
  }

  /** The image of a stem: all that any row of taps reads lies in the row that it begins in. */
  private static Activation bordered(
      Window window, WeightLayout weights, Activation value, Activation output) {
    int pixelsPerRow = weights.channels() / weights.stemPitch();
    int height = (output.height() - 1) * window.stride() + window.kernel();
    int width = (output.width() - 1) * window.stride() + pixelsPerRow;
    height = Math.max(height, value.height() + window.padding());
    width = Math.max(width, value.width() + window.padding());
    // Rows begin at multiples of 16 bytes, whatever the type.
    width += width % 2;
    return new Activation(value.images(), height, width, value.channels(), weights.stemPitch());
  }

  private void check() {
    if (window.kernel() > MOST_TAPS) {
      throw new EngineException(
          name
              + ": the cuda engine's windows have at most "
              + MOST_TAPS
              + " rows and columns, this one has "
              + window.kernel()
              + "; use the engine onednn");
    }
    long rows = Math.max(rows(input), rows(output));
    long weightBytes = weights.elements() * ElementType.F32.bytes();
    if (rows > Integer.MAX_VALUE - 128 || weightBytes > Integer.MAX_VALUE) {
      throw new EngineException(
          name
              + ": the cuda engine takes tensors of up to 2^31 pixels and 2^29 weights, this has "
              + rows
              + " pixels and "
              + weights.elements()
              + " weights; use a smaller batch or image");
    }
  }

  private static long rows(Activation tensor) {
    return (long) tensor.images() * tensor.height() * tensor.width();
  }

  /** What the forward pass and the gradient of the weights read. */
  public Gather forward() {
    int offset = weights.stem() ? 0 : -window.padding();
    return new Gather(
        output.images(),
        output.height(),
        output.width(),
        input.height(),
        input.width(),
        input.pitch(),
        weights.channels(),
        window.stride(),
        window.stride(),
        offset,
        offset,
        window.dilation(),
        window.dilation(),
        window.kernel(),
        weights.tapColumns());
  }

  /**
   * A part of the gradient with respect to the input: the input's pixels (row + i stride, column +
   * j stride), which meet the same taps.
   *
   * @param gather of the output's gradient
   * @param row of the first pixel
   * @param column of the first pixel
   * @param weightOffset where the first tap's weights are, in the transposed copy
   * @param weightRowStep to the next row of taps
   * @param weightColumnStep to the next column of taps
   */
  public record ResidueClass(
      Gather gather,
      int row,
      int column,
      int weightOffset,
      int weightRowStep,
      int weightColumnStep) {
    /** Whether no tap meets its pixels, so that their gradient is zero. */
    public boolean isEmpty() {
      return gather.tapRows() == 0 || gather.tapColumns() == 0;
    }
  }

  /** Elements from one channel to the next in the transposed weights. */
  public int transposedPitch() {
    return weights.taps() * weights.packing().outputs();
  }

  /** The parts of the gradient with respect to the input; together they are all of its pixels. */
  public List<ResidueClass> inputGradient() {
    List<ResidueClass> classes = new ArrayList<>();
    for (int row = 0; row < Math.min(window.stride(), value.height()); row++) {
      for (int column = 0; column < Math.min(window.stride(), value.width()); column++) {
        classes.add(residueClass(row, column));
      }
    }
    return classes;
  }

  private ResidueClass residueClass(int row, int column) {
    Taps rows = Taps.of(window, row);
    Taps columns = Taps.of(window, column);
    boolean none = rows.count() == 0 || columns.count() == 0;
    int outputs = weights.packing().outputs();
    int rowElements = weights.stem() ? outputs : window.kernel() * outputs;
    int columnElements = weights.stem() ? weights.stemPitch() * transposedPitch() : outputs;
    Gather gather =
        new Gather(
            value.images(),
            Geometry.ceilDiv(value.height() - row, window.stride()),
            Geometry.ceilDiv(value.width() - column, window.stride()),
            output.height(),
            output.width(),
            output.pitch(),
            outputs,
            1,
            1,
            rows.offset(),
            columns.offset(),
            rows.step(),
            columns.step(),
            none ? 0 : rows.count(),
            none ? 0 : columns.count());
    return new ResidueClass(
        gather,
        row,
        column,
        rows.first() * rowElements + columns.first() * columnElements,
        rows.every() * rowElements,
        columns.every() * columnElements);
  }

  /**
   * The taps that meet the input positions {@code residue + i stride}: {@code first + t every}, at
   * output position {@code i + offset + t step}.
   */
  private record Taps(int count, int first, int every, int offset, int step) {
    static Taps of(Window window, int residue) {
      int stride = window.stride();
      int common = gcd(stride, window.dilation());
      int every = stride / common;
      for (int tap = 0; tap < Math.min(every, window.kernel()); tap++) {
        int position = residue + window.padding() - tap * window.dilation();
        if (Math.floorMod(position, stride) == 0) {
          return new Taps(
              Geometry.ceilDiv(window.kernel() - tap, every),
              tap,
              every,
              Math.floorDiv(position, stride),
              -(window.dilation() / common));
        }
      }
      return new Taps(0, 0, 0, 0, 0);
    }
  }

  private static int gcd(int a, int b) {
    return b == 0 ? a : gcd(b, a % b);
  }
}
