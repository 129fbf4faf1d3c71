package io.resfuse.engine.cuda.internal.emit;

import io.resfuse.engine.cuda.internal.driver.Device;
import io.resfuse.engine.cuda.internal.driver.Geometry;
import io.resfuse.engine.cuda.internal.kernels.AddedNorm;
import io.resfuse.engine.cuda.internal.kernels.BatchEnd;
import io.resfuse.engine.cuda.internal.kernels.Convolution;
import io.resfuse.engine.cuda.internal.kernels.ElementType;
import io.resfuse.engine.cuda.internal.kernels.Gather;
import io.resfuse.engine.cuda.internal.kernels.Mask;
import io.resfuse.engine.cuda.internal.kernels.NormGradient;
import io.resfuse.engine.cuda.internal.kernels.Tile;
import io.resfuse.engine.cuda.internal.layout.Activation;
import io.resfuse.engine.cuda.internal.layout.ConvolutionShape;
import io.resfuse.engine.cuda.internal.layout.WeightLayout;
import io.resfuse.engine.cuda.internal.program.Addresses;
import io.resfuse.engine.cuda.internal.program.Buffer;
import io.resfuse.engine.cuda.internal.program.Program;
import io.resfuse.engine.cuda.internal.program.Timeline;
import io.resfuse.engine.cuda.internal.tiles.TileChoice;
import io.resfuse.engine.cuda.internal.tiles.TileChooser;
import java.util.ArrayList;
import java.util.List;
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

  /**
   * Statistics of the forward pass.
   *
   * @param buffer per {@link #rowsOfStatistics} rows: mean and sum of squared deviations of each
   *     channel
   * @param end the batch norm whose scale and bias the last block derives, or null: they are
   *     derived later
   */
  public record Statistics(Buffer buffer, Normalizations.@Nullable Norm end) {}

  /** How many rows one record of the forward pass' statistics is of. */
  public int rowsOfStatistics(ConvolutionShape shape) {
    TileChoice choice = forwardChoice(shape);
    int rowTiles = rowTiles(shape.output().rows(), choice.tile());
    int columnTiles =
        Geometry.ceilDiv(shape.weights().packing().outputs(), choice.tile().columns());
    return tilesPerBlock(choice, (long) rowTiles * columnTiles) * choice.tile().rows();
  }

  /** Whether the forward pass derives what follows from its statistics. */
  public boolean endsBatch(ConvolutionShape shape) {
    return emission.endsBatch(
        rowBlocks(forwardProduct(shape), forwardChoice(shape)),
        "batchNormMerge",
        "batchNormFinalize");
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
                          1,
                          output,
                          null,
                          null);
                }));
  }

  /**
   * The forward pass.
   *
   * @param statistics taken of the output, or null
   */
  public void forward(
      Program program,
      ConvolutionShape shape,
      Operand input,
      Buffer weights,
      Epilogue epilogue,
      Buffer output,
      @Nullable Statistics statistics) {
    TiledProduct product = forwardProduct(shape);
    add(
        program,
        product,
        forwardChoice(shape),
        input,
        weights,
        epilogue,
        1,
        output,
        statistics,
        null);
  }

  /**
   * A batch norm that gave what a convolution reads.
   *
   * @param norm the batch norm
   * @param raw what it normalised, laid out as the convolution's input
   * @param mask which elements of the gradient pass the ReLU: all, by input or by bits
   * @param bits for {@link Mask#BITS}
   * @param results what follows from the sums of the gradient
   * @param added the batch norm whose result was added to this one's before the mask, as a
   *     projection's is, so that the masked gradient is that of both; or null
   */
  public record NormBehind(
      Normalizations.Norm norm,
      Buffer raw,
      Mask mask,
      @Nullable Buffer bits,
      NormalizationGradients.Results results,
      @Nullable NormBehind added) {}

  /**
   * The gradient with respect to the input: one launch per residue class of the stride.
   *
   * @param transposed weights as {@link Conversions#transposeWeights} leaves them
   * @param before what is added, or null
   * @param behind where this completes the gradient of a batch norm's result, which then is masked;
   *     or null
   * @return the masked gradient's sums for the batch norm, and for the one that was added, from
   *     which what follows is still to be derived; none if that is done, or without a batch norm
   */
  public List<NormalizationGradients.Sums> inputGradient(
      Program program,
      ConvolutionShape shape,
      Buffer outputGradient,
      Buffer transposed,
      Buffer inputGradient,
      @Nullable Contribution before,
      @Nullable NormBehind behind) {
    boolean inPlace = before != null && before.buffer() == inputGradient;
    int channels = shape.weights().stem() ? shape.value().pitch() : shape.weights().channels();
    int packs = shape.weights().packing().packs();
    List<TiledProduct> products = new ArrayList<>();
    List<TileChoice> choices = new ArrayList<>();
    int blocks = 0;
    for (ConvolutionShape.ResidueClass part : shape.inputGradient()) {
      if (part.isEmpty() && inPlace && behind == null) {
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
      products.add(product);
      choices.add(choice);
      blocks += rowBlocks(product, choice);
    }
    List<NormalizationGradients.Sums> sums = new ArrayList<>();
    for (NormBehind norm = behind; norm != null; norm = norm.added()) {
      long bytes = 2L * Float.BYTES * norm.norm().channels() * blocks;
      sums.add(new NormalizationGradients.Sums(program.timeline().workspace(bytes), blocks));
    }
    boolean ends = products.size() == 1 && emission.endsBatch(blocks, "batchNormBackwardFinalize");
    int block = 0;
    for (int i = 0; i < products.size(); i++) {
      add(
          program,
          products.get(i),
          choices.get(i),
          Operand.plain(outputGradient),
          transposed,
          new Epilogue(null, null, before == null ? null : before.buffer(), false),
          before == null ? 1 : before.stride(),
          inputGradient,
          null,
          behind == null ? null : new NormSums(behind, sums, block, ends));
      block += rowBlocks(products.get(i), choices.get(i));
    }
    return ends ? List.of() : sums;
  }

  /**
   * A contribution to a gradient.
   *
   * @param buffer the gradient of every {@code stride}-th row and column, lying together
   * @param stride 1: of all; else that of the others is zero
   */
  public record Contribution(Buffer buffer, int stride) {}

  /**
   * The gradient with respect to the input of a convolution of one tap without padding, where it is
   * not zero: a tensor with as many pixels as the output's.
   *
   * @param transposed weights as {@link Conversions#transposeWeights} leaves them
   */
  public void sparseInputGradient(
      Program program,
      ConvolutionShape shape,
      Buffer outputGradient,
      Buffer transposed,
      Buffer sparse) {
    Gather gather = shape.inputGradient().get(0).gather();
    TiledProduct product =
        new TiledProduct(
            shape.name() + " gradient of the input",
            gather,
            shape.transposedPitch(),
            0,
            0,
            0,
            sparseInput(shape),
            shape.weights().channels(),
            1,
            0,
            0,
            shape.weights().packing().packs());
    TileChoice choice =
        choose(
            product,
            gather.channels(),
            shape.output().bytes(emission.type()),
            shape.weights().transposedElements() * emission.type().bytes());
    add(
        program,
        product,
        choice,
        Operand.plain(outputGradient),
        transposed,
        new Epilogue(null, null, null, false),
        1,
        sparse,
        null,
        null);
  }

  /** The tensor of {@link #sparseInputGradient}. */
  public static Activation sparseInput(ConvolutionShape shape) {
    Activation output = shape.output();
    Activation value = shape.value();
    return new Activation(
        output.images(), output.height(), output.width(), value.channels(), value.pitch());
  }

  /**
   * Where the sums of a launch go.
   *
   * @param behind what they are of
   * @param sums of all launches, for the batch norm and for the one that was added
   * @param block the launch's first
   * @param ends whether its last block derives what follows
   */
  private record NormSums(
      NormBehind behind, List<NormalizationGradients.Sums> sums, int block, boolean ends) {
    NormGradient at(Addresses at) {
      Normalizations.Norm norm = behind.norm();
      return new NormGradient(
          at.of(behind.raw()),
          at.of(behind.mask() == Mask.BITS ? behind.bits() : null),
          at.of(norm.mean()),
          at.of(norm.inverse()),
          at.of(norm.scale()),
          at.of(norm.bias()),
          partials(at, 0),
          behind.mask().number());
    }

    AddedNorm added(Addresses at) {
      NormBehind added = behind.added();
      if (added == null) {
        return AddedNorm.NONE;
      }
      Normalizations.Norm norm = added.norm();
      NormalizationGradients.Results results = added.results();
      NormalizationGradients.Coefficients coefficients = results.coefficients();
      return new AddedNorm(
          at.of(added.raw()),
          at.of(norm.mean()),
          at.of(norm.inverse()),
          partials(at, 1),
          at.of(norm.gamma()),
          at.of(results.dGamma()),
          at.of(results.dBeta()),
          at.of(coefficients.a()),
          at.of(coefficients.b()),
          at.of(coefficients.c()));
    }

    private long partials(Addresses at, int norm) {
      long before = 2L * Float.BYTES * behind.norm().channels() * block;
      return at.of(sums.get(norm).partials()) + before;
    }
  }

  /**
   * What the last block of a launch derives.
   *
   * @param arrivals counters of blocks
   * @param blocksPerGroup as many as there are groups
   */
  private record Ending(Buffer arrivals, int blocksPerGroup) {
    BatchEnd ofStatistics(Addresses at, Normalizations.Norm norm) {
      return new BatchEnd(
          at.of(arrivals),
          at.of(norm.gamma()),
          at.of(norm.beta()),
          at.of(norm.mean()),
          at.of(norm.inverse()),
          at.of(norm.scale()),
          at.of(norm.bias()),
          at.of(norm.runningMean()),
          at.of(norm.runningVariance()),
          0,
          0,
          0,
          0,
          0,
          blocksPerGroup,
          norm.momentum(),
          norm.epsilon(),
          0);
    }

    BatchEnd ofSums(Addresses at, NormBehind behind) {
      NormalizationGradients.Results results = behind.results();
      NormalizationGradients.Coefficients coefficients = results.coefficients();
      return new BatchEnd(
          at.of(arrivals),
          at.of(behind.norm().gamma()),
          0,
          0,
          0,
          0,
          0,
          0,
          0,
          at.of(results.dGamma()),
          at.of(results.dBeta()),
          at.of(coefficients.a()),
          at.of(coefficients.b()),
          at.of(coefficients.c()),
          blocksPerGroup,
          0,
          0,
          at.accumulates());
    }
  }

  /** Of a launch with so many blocks of row tiles. */
  private Ending ending(int blocks, int columnTiles, int packs) {
    int perGroup = (int) Math.ceil(Math.sqrt(blocks));
    long counters = (long) packs * columnTiles * (Geometry.ceilDiv(blocks, perGroup) + 1);
    return new Ending(emission.region().add(Integer.BYTES * counters), perGroup);
  }

  /** Blocks of row tiles, each with statistics or sums of its own. */
  private int rowBlocks(TiledProduct product, TileChoice choice) {
    int rowTiles = rowTiles(product.rows(), choice.tile());
    long columnTiles = Geometry.ceilDiv(product.outputs(), choice.tile().columns());
    return Geometry.ceilDiv(rowTiles, tilesPerBlock(choice, rowTiles * columnTiles));
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
      int residualStride,
      Buffer output,
      @Nullable Statistics statistics,
      @Nullable NormSums sumsOfNorm) {
    Tile tile = choice.tile();
    int columnTiles = Geometry.ceilDiv(product.outputs(), tile.columns());
    int rowTiles = rowTiles(product.rows(), tile);
    long tiles = (long) rowTiles * columnTiles;
    int perBlock = statistics == null && sumsOfNorm == null ? 1 : tilesPerBlock(choice, tiles);
    int rowBlocks = Geometry.ceilDiv(rowTiles, perBlock);
    Normalizations.Norm end = statistics == null ? null : statistics.end();
    boolean endsSums = sumsOfNorm != null && sumsOfNorm.ends();
    Ending ending =
        end == null && !endsSums ? null : ending(rowBlocks, columnTiles, product.packs());
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
                (long) rowBlocks * columnTiles,
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
                at.of(statistics == null ? null : statistics.buffer()),
                sumsOfNorm == null ? NormGradient.NONE : sumsOfNorm.at(at),
                ending == null
                    ? BatchEnd.NONE
                    : endsSums
                        ? ending.ofSums(at, sumsOfNorm.behind())
                        : ending.ofStatistics(at, end),
                sumsOfNorm == null ? AddedNorm.NONE : sumsOfNorm.added(at),
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
                residualStride,
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
