package io.resfuse.engine.cuda.internal.emit;

import io.resfuse.engine.cuda.internal.driver.Device;
import io.resfuse.engine.cuda.internal.driver.Geometry;
import io.resfuse.engine.cuda.internal.kernels.ElementType;
import io.resfuse.engine.cuda.internal.kernels.Gather;
import io.resfuse.engine.cuda.internal.kernels.IntegerConvolution;
import io.resfuse.engine.cuda.internal.kernels.Tile;
import io.resfuse.engine.cuda.internal.layout.ConvolutionShape;
import io.resfuse.engine.cuda.internal.layout.WeightLayout;
import io.resfuse.engine.cuda.internal.program.Buffer;
import io.resfuse.engine.cuda.internal.program.Program;
import io.resfuse.engine.cuda.internal.program.Timeline;
import io.resfuse.engine.cuda.internal.tiles.TileChoice;
import io.resfuse.engine.cuda.internal.tiles.TileChooser;
import org.jspecify.annotations.Nullable;

/** Adds convolutions of bytes to programs. */
public final class IntegerConvolutions {
  private static final ElementType TYPE = ElementType.U8;

  private final Emission emission;

  public IntegerConvolutions(Emission emission) {
    this.emission = emission;
  }

  /**
   * The integers of a convolution, and what is done to their sums; {@link
   * io.resfuse.engine.QuantizedNetwork} has the formula.
   *
   * @param weights signed bytes
   * @param padding 16 bytes, each the input's zero point; null for zeros
   * @param corrections ints per channel that are added to the sums; null for zeros
   * @param multiplier floats per channel
   * @param bias floats per channel
   * @param residualFactor what the residual's bytes are multiplied by
   */
  public record Weights(
      Buffer weights,
      @Nullable Buffer padding,
      @Nullable Buffer corrections,
      Buffer multiplier,
      Buffer bias,
      float residualFactor) {}

  /**
   * What follows, and where it goes.
   *
   * @param residual bytes like the result, or null
   * @param relu whether max(0, x) ends it
   * @param output the result
   * @param floats whether that is of floats, not bytes
   */
  public record Result(@Nullable Buffer residual, boolean relu, Buffer output, boolean floats) {}

  /** The forward pass. */
  public void forward(
      Program program, ConvolutionShape shape, Buffer input, Weights weights, Result result) {
    add(program, shape, choose(shape), input, weights, result);
  }

  /** The tile, by sizes alone: whatever is done after the sums. */
  private TileChoice choose(ConvolutionShape shape) {
    WeightLayout layout = shape.weights();
    Device device = emission.device();
    int rows = shape.output().rows();
    int columns = layout.packing().outputs();
    int packs = layout.packing().packs();
    int terms = layout.pitch();
    String sizes =
        String.format(
            "%s product %s to %s, %d of %d packs",
            TYPE.suffix(), shape.forward(), shape.output(), columns, packs);
    return emission
        .toolkit()
        .tiles()
        .choose(
            new TileChooser.Question(
                sizes,
                TileChoice.forProduct(rows, columns, packs, terms, TYPE, device),
                TileChoice.productCandidates(rows, columns, packs, terms, TYPE, device),
                (program, kept, choice) -> {
                  Timeline timeline = program.timeline();
                  long channels = (long) layout.outputs() * Float.BYTES;
                  Weights weights =
                      new Weights(
                          timeline.activation(layout.elements()),
                          null,
                          null,
                          timeline.activation(channels),
                          timeline.activation(channels),
                          0);
                  new IntegerConvolutions(emission.withRegion(kept))
                      .add(
                          program,
                          shape,
                          choice,
                          timeline.activation(shape.input().bytes(TYPE)),
                          weights,
                          new Result(
                              null, true, timeline.activation(shape.output().bytes(TYPE)), false));
                }));
  }

  private void add(
      Program program,
      ConvolutionShape shape,
      TileChoice choice,
      Buffer input,
      Weights weights,
      Result result) {
    Tile tile = choice.tile();
    Gather gather = shape.forward();
    int outputs = shape.weights().packing().outputs();
    int packs = shape.weights().packing().packs();
    int columnTiles = Geometry.ceilDiv(outputs, tile.columns());
    long tiles = (long) Convolutions.rowTiles(shape.output().rows(), tile) * columnTiles;
    Buffer partials = null;
    Buffer tickets = null;
    if (choice.slices() > 1) {
      long integers = tiles * packs * choice.slices() * tile.rows() * tile.columns();
      partials = program.timeline().workspace(Integer.BYTES * integers);
      tickets = emission.region().add(Integer.BYTES * tiles * packs);
    }
    Buffer sums = partials;
    Buffer counters = tickets;
    program.launch(
        () -> emission.kernels().integerConvolution(tile),
        shape.name() + " forward",
        kernel ->
            new Geometry(
                tiles,
                (long) packs * choice.slices(),
                1,
                kernel.maxThreads(),
                1,
                tile.sharedBytes(kernel.maxThreads())),
        at ->
            new IntegerConvolution(
                at.of(input),
                at.of(weights.weights()),
                at.of(result.output()),
                at.of(result.residual()),
                at.of(weights.padding()),
                at.of(weights.corrections()),
                at.of(weights.multiplier()),
                at.of(weights.bias()),
                at.of(sums),
                at.of(counters),
                gather,
                shape.weights().pitch(),
                shape.output().pitch(),
                outputs,
                packs,
                choice.slices(),
                columnTiles,
                result.relu() ? 1 : 0,
                result.floats() ? 1 : 0,
                weights.residualFactor()));
  }
}
