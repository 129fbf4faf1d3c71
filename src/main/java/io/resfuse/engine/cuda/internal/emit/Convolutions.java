package io.resfuse.engine.cuda.internal.emit;

import io.resfuse.engine.cuda.internal.driver.Device;
import io.resfuse.engine.cuda.internal.driver.Geometry;
import io.resfuse.engine.cuda.internal.kernels.Convolution;
import io.resfuse.engine.cuda.internal.kernels.ElementType;
import io.resfuse.engine.cuda.internal.kernels.Gather;
import io.resfuse.engine.cuda.internal.kernels.Tile;
import io.resfuse.engine.cuda.internal.layout.Activation;
import io.resfuse.engine.cuda.internal.layout.ConvolutionShape;
import io.resfuse.engine.cuda.internal.layout.WeightLayout;
import io.resfuse.engine.cuda.internal.program.Buffer;
import io.resfuse.engine.cuda.internal.program.Program;
import io.resfuse.engine.cuda.internal.program.Timeline;
import io.resfuse.engine.cuda.internal.tiles.TileChoice;
import io.resfuse.engine.cuda.internal.tiles.TileChooser;
import org.jspecify.annotations.Nullable;

/**
 * Adds convolutions to programs: forward, and the gradient of the input; for that of the weights
 * see {@link WeightGradients}.
 */
public final class Convolutions {
  private final Emission emission;

  public Convolutions(Emission emission) {
    this.emission = emission;
  }

  /**
   * What is done to a sum before it is stored: {@code [relu](sum * scale + bias + residual)}.
   *
   * @param scale floats per channel, or null
   * @param bias floats per channel, or null
   * @param residual a tensor like the result, or null
   * @param relu whether max(0, x) ends it
   */
  public record Epilogue(
      @Nullable Buffer scale, @Nullable Buffer bias, @Nullable Buffer residual, boolean relu) {}

  /** How many rows one record of the forward pass' statistics is of. */
  public int rowsOfStatistics(ConvolutionShape shape) {
    TileChoice choice = forwardChoice(shape);
    int rowTiles = rowTiles(shape.output().rows(), choice.tile());
    int columnTiles =
        Geometry.ceilDiv(shape.weights().packing().outputs(), choice.tile().columns());
    return tilesPerBlock(choice, (long) rowTiles * columnTiles) * choice.tile().rows();
  }

  /** Where there are many tiles, each block computes two: half as many statistics are stored. */
  private int tilesPerBlock(TileChoice choice, long tiles) {
    long enough =
        (long) emission.toolkit().thresholds().tilesForTwo() * emission.device().multiprocessors();
    boolean many = tiles >= enough;
    return choice.slices() == 1 && many ? 2 : 1;
  }

  private TileChoice forwardChoice(ConvolutionShape shape) {
    WeightLayout weights = shape.weights();
    return choose(
        forwardProduct(shape),
        weights.pitch(),
        shape.input().bytes(emission.type()),
        weights.elements() * emission.type().bytes());
  }

  private static TiledProduct forwardProduct(ConvolutionShape shape) {
    WeightLayout layout = shape.weights();
    return new TiledProduct(
        shape.name() + " forward",
        shape.forward(),
        layout.pitch(),
        0,
        layout.tapColumns() * layout.channels(),
        layout.channels(),
        shape.output(),
        layout.packing().outputs(),
        1,
        0,
        0,
        layout.packing().packs());
  }

  /** The tile for a product, by sizes alone: whatever is done before and after the sums. */
  private TileChoice choose(TiledProduct product, int terms, long inputBytes, long weightBytes) {
    ElementType type = emission.type();
    Device device = emission.device();
    int rows = product.rows();
    int columns = product.outputs();
    int packs = product.packs();
    return emission
        .toolkit()
        .tiles()
        .choose(
            new TileChooser.Question(
                type.suffix() + " product " + product.sizes(),
                TileChoice.forProduct(rows, columns, packs, terms, type, device),
                TileChoice.productCandidates(rows, columns, packs, terms, type, device),
                (program, kept, choice) -> {
                  Timeline timeline = program.timeline();
                  Buffer input = timeline.activation(inputBytes);
                  Buffer weights = timeline.activation(weightBytes);
                  Buffer output = timeline.activation(product.output().bytes(type));
                  new Convolutions(emission.withRegion(kept))
                      .add(
                          program,
                          product,
                          choice,
                          Operand.plain(input),
                          weights,
                          new Epilogue(null, null, null, false),
                          output,
                          null);
                }));
  }

  /**
   * The forward pass.
   *
   * @param statistics per {@link #rowsOfStatistics} rows: mean and sum of squared deviations of
   *     each channel; or null
   */
  public void forward(
      Program program,
      ConvolutionShape shape,
      Operand input,
      Buffer weights,
      Epilogue epilogue,
      Buffer output,
      @Nullable Buffer statistics) {
    TiledProduct product = forwardProduct(shape);
    add(program, product, forwardChoice(shape), input, weights, epilogue, output, statistics);
  }

  /**
   * The gradient with respect to the input: one launch per residue class of the stride.
   *
   * @param transposed weights as {@link Conversions#transposeWeights} leaves them
   * @param accumulate whether to add to what is there
   */
  public void inputGradient(
      Program program,
      ConvolutionShape shape,
      Buffer outputGradient,
      Buffer transposed,
      Buffer inputGradient,
      boolean accumulate) {
    Buffer residual = accumulate ? inputGradient : null;
    Epilogue epilogue = new Epilogue(null, null, residual, false);
    int channels = shape.weights().stem() ? shape.value().pitch() : shape.weights().channels();
    int packs = shape.weights().packing().packs();
    for (ConvolutionShape.ResidueClass part : shape.inputGradient()) {
      if (part.isEmpty() && accumulate) {
        continue;
      }
      Gather gather = part.gather();
      TiledProduct product =
          new TiledProduct(
              shape.name() + " gradient of the input",
              gather,
              shape.transposedPitch(),
              part.weightOffset(),
              part.weightRowStep(),
              part.weightColumnStep(),
              shape.value(),
              channels,
              shape.window().stride(),
              part.row(),
              part.column(),
              packs);
      TileChoice choice =
          choose(
              product,
              gather.tapRows() * gather.tapColumns() * gather.channels(),
              shape.output().bytes(emission.type()),
              shape.weights().transposedElements() * emission.type().bytes());
      add(
          program,
          product,
          choice,
          Operand.plain(outputGradient),
          transposed,
          epilogue,
          inputGradient,
          null);
    }
  }

  /** The sizes of a {@link Convolution} that do not depend on its tile. */
  private record TiledProduct(
      String label,
      Gather gather,
      int weightPitch,
      int weightOffset,
      int weightRowStep,
      int weightColumnStep,
      Activation output,
      int outputs,
      int outputStride,
      int outputRow,
      int outputColumn,
      int packs) {
    int rows() {
      return gather.images() * gather.gridHeight() * gather.gridWidth();
    }

    /** All that its time depends on. */
    String sizes() {
      return String.format(
          "%s to %s, %d of %d packs, every %d, weights %d + %d + %d + %d",
          gather,
          output,
          outputs,
          packs,
          outputStride,
          weightPitch,
          weightOffset,
          weightRowStep,
          weightColumnStep);
    }
  }

  private void add(
      Program program,
      TiledProduct product,
      TileChoice choice,
      Operand input,
      Buffer weights,
      Epilogue epilogue,
      Buffer output,
      @Nullable Buffer statistics) {
    Tile tile = choice.tile();
    int columnTiles = Geometry.ceilDiv(product.outputs(), tile.columns());
    int rowTiles = rowTiles(product.rows(), tile);
    long tiles = (long) rowTiles * columnTiles;
    int perBlock = statistics == null ? 1 : tilesPerBlock(choice, tiles);
    long blocks = (long) Geometry.ceilDiv(rowTiles, perBlock) * columnTiles;
    Buffer partials = null;
    Buffer tickets = null;
    if (choice.slices() > 1) {
      long floats = tiles * product.packs() * choice.slices() * tile.rows() * tile.columns();
      partials = program.timeline().workspace(Float.BYTES * floats);
      tickets = emission.region().add(Integer.BYTES * tiles * product.packs());
    }
    Buffer sums = partials;
    Buffer counters = tickets;
    boolean normalised = input.affine() != null;
    int coefficients = normalised ? 2 * Float.BYTES * product.gather().channels() : 0;
    program.launch(
        () -> emission.kernels().convolution(emission.type(), tile, normalised),
        product.label(),
        kernel ->
            new Geometry(
                blocks,
                (long) product.packs() * choice.slices(),
                1,
                kernel.maxThreads(),
                1,
                tile.sharedBytes(kernel.maxThreads()) + coefficients),
        at ->
            new Convolution(
                at.of(input.tensor()),
                at.of(weights),
                at.of(output),
                at.of(epilogue.residual()),
                at.of(epilogue.scale()),
                at.of(epilogue.bias()),
                at.of(input.scale()),
                at.of(input.bias()),
                at.of(sums),
                at.of(counters),
                at.of(statistics),
                product.gather(),
                product.weightPitch(),
                product.weightOffset(),
                product.weightRowStep(),
                product.weightColumnStep(),
                product.output().height(),
                product.output().width(),
                product.output().pitch(),
                product.outputs(),
                product.outputStride(),
                product.outputRow(),
                product.outputColumn(),
                product.packs(),
                choice.slices(),
                columnTiles,
                perBlock,
                epilogue.relu() ? 1 : 0,
                input.rectifies()));
  }

  /** Tiles of rows. */
  static int rowTiles(int rows, Tile tile) {
    return Geometry.ceilDiv(rows, tile.rows());
  }
}
