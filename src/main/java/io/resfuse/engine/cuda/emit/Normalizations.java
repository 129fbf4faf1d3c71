package io.resfuse.engine.cuda.emit;

import io.resfuse.engine.cuda.driver.Geometry;
import io.resfuse.engine.cuda.kernels.BatchNormApply;
import io.resfuse.engine.cuda.kernels.BatchNormBackwardApply;
import io.resfuse.engine.cuda.kernels.BatchNormBackwardFinalize;
import io.resfuse.engine.cuda.kernels.BatchNormBackwardReduce;
import io.resfuse.engine.cuda.kernels.BatchNormFinalize;
import io.resfuse.engine.cuda.kernels.BatchNormFold;
import io.resfuse.engine.cuda.kernels.BatchNormMerge;
import io.resfuse.engine.cuda.kernels.Mask;
import io.resfuse.engine.cuda.layout.Activation;
import io.resfuse.engine.cuda.program.Buffer;
import io.resfuse.engine.cuda.program.Program;
import org.jspecify.annotations.Nullable;

/** Adds batch norms to programs, forward and backward. */
public final class Normalizations {
  /** More tiles of statistics than these are merged before they are finalised. */
  private static final int MOST_TILES = 512;

  private static final int TILES_PER_GROUP = 32;
  private static final int CHANNELS_PER_BLOCK = 32;
  private static final int ROWS_PER_BLOCK = 256;
  private static final int MOST_REDUCE_BLOCKS = 512;

  private final Emission emission;

  public Normalizations(Emission emission) {
    this.emission = emission;
  }

  /**
   * What a batch norm has on the device, floats per channel: parameters, running statistics, and
   * what was made of them last.
   *
   * @param label for messages
   * @param channels padded
   * @param gamma scale
   * @param beta shift
   * @param runningMean moved by training
   * @param runningVariance moved by training
   * @param epsilon added to the variance
   * @param momentum share of a batch in the running statistics
   * @param mean of the batch
   * @param inverse of the batch's deviation
   * @param scale what {@code x} is multiplied by
   * @param bias what is added then
   */
  public record Norm(
      String label,
      int channels,
      Buffer gamma,
      Buffer beta,
      Buffer runningMean,
      Buffer runningVariance,
      float epsilon,
      float momentum,
      Buffer mean,
      Buffer inverse,
      Buffer scale,
      Buffer bias) {}

  /** Scale and bias of a batch, from its statistics; moves the running statistics. */
  public void finalizeBatch(
      Program program, Norm norm, Buffer statistics, int rows, int rowsPerTile) {
    int tiles = Geometry.ceilDiv(rows, rowsPerTile);
    Buffer merged = statistics;
    int rowsPerMerged = rowsPerTile;
    if (tiles > MOST_TILES) {
      int perGroup =
          Math.max(1, Geometry.ceilDiv(tiles, MOST_TILES * TILES_PER_GROUP)) * TILES_PER_GROUP;
      int groups = Geometry.ceilDiv(tiles, perGroup);
      merged = program.timeline().workspace(2L * Float.BYTES * norm.channels() * groups);
      merge(program, norm, statistics, merged, tiles, rows, rowsPerTile, perGroup);
      tiles = groups;
      rowsPerMerged = perGroup * rowsPerTile;
    }
    Buffer source = merged;
    int sourceTiles = tiles;
    int sourceRows = rowsPerMerged;
    program.launch(
        emission.kernel("batchNormFinalize", BatchNormFinalize.class),
        norm.label() + " statistics",
        perChannels(1, norm.channels()),
        at ->
            new BatchNormFinalize(
                at.of(source),
                at.of(norm.gamma()),
                at.of(norm.beta()),
                at.of(norm.mean()),
                at.of(norm.inverse()),
                at.of(norm.scale()),
                at.of(norm.bias()),
                at.of(norm.runningMean()),
                at.of(norm.runningVariance()),
                norm.channels(),
                sourceTiles,
                sourceRows,
                rows,
                norm.momentum(),
                norm.epsilon()));
  }

  private void merge(
      Program program,
      Norm norm,
      Buffer statistics,
      Buffer merged,
      int tiles,
      int rows,
      int rowsPerTile,
      int perGroup) {
    int groups = Geometry.ceilDiv(tiles, perGroup);
    int columns = Geometry.ceilDiv(norm.channels(), CHANNELS_PER_BLOCK);
    program.launch(
        emission.kernel("batchNormMerge", BatchNormMerge.class),
        norm.label() + " merge of statistics",
        new Geometry(groups, columns, 1, 8, 32, 0),
        at ->
            new BatchNormMerge(
                at.of(statistics),
                at.of(merged),
                norm.channels(),
                tiles,
                rowsPerTile,
                rows,
                perGroup));
  }

  private static Geometry perChannels(int rows, int channels) {
    return new Geometry(Geometry.ceilDiv(channels, CHANNELS_PER_BLOCK), rows, 1, 8, 32, 0);
  }

  /**
   * Scale and bias from the running statistics.
   *
   * @param convolutionBias added before the batch norm, or null
   * @param scale floats per channel
   * @param bias floats per channel
   */
  public void fold(
      Program program, Norm norm, @Nullable Buffer convolutionBias, Buffer scale, Buffer bias) {
    program.launch(
        emission.kernel("batchNormFold", BatchNormFold.class),
        norm.label() + " scale and bias",
        Geometry.linear(Geometry.ceilDiv(norm.channels(), 256), 256),
        at ->
            new BatchNormFold(
                at.of(norm.gamma()),
                at.of(norm.beta()),
                at.of(norm.runningMean()),
                at.of(norm.runningVariance()),
                at.of(convolutionBias),
                at.of(scale),
                at.of(bias),
                0,
                norm.channels(),
                norm.epsilon()));
  }

  /** {@code output = [relu](input * scale + bias + residual)}. */
  public void apply(
      Program program,
      String label,
      Activation shape,
      Operand input,
      @Nullable Operand residual,
      Buffer output) {
    Buffer added = residual == null ? null : residual.tensor();
    Buffer addedScale = residual == null ? null : residual.scale();
    Buffer addedBias = residual == null ? null : residual.bias();
    program.launch(
        emission.typedKernel("batchNormApply", BatchNormApply.class),
        label,
        elementwise(shape),
        at ->
            new BatchNormApply(
                at.of(input.tensor()),
                at.of(input.scale()),
                at.of(input.bias()),
                at.of(added),
                at.of(addedScale),
                at.of(addedBias),
                at.of(output),
                shape.rows(),
                shape.pitch(),
                input.rectifies()));
  }

  /** A grid over rows, a block over channels, as the kernels over [rows][channels] want it. */
  private Geometry elementwise(Activation shape) {
    Geometry block = overChannels(shape.pitch());
    long most = Math.max(1, emission.manyBlocks() / block.gridY());
    long blocks = Math.min(Geometry.ceilDiv(shape.rows(), 64), most);
    return new Geometry(blocks, block.gridY(), 1, block.blockX(), block.blockY(), 0);
  }

  private Geometry overChannels(int pitch) {
    int vectors = pitch / emission.vector();
    int gridY = Geometry.ceilDiv(vectors, 128);
    int x = Geometry.ceilDiv(vectors, gridY);
    return new Geometry(1, gridY, 1, x, 256 / x, 0);
  }

  /**
   * What the backward pass of a batch norm, or of what stands in its place, reads.
   *
   * @param label for messages
   * @param shape of all tensors
   * @param gradient of the result
   * @param raw the convolution's result; null where neither statistics nor mask need it
   * @param mask which elements of the gradient pass the ReLU
   * @param output the result, for {@link Mask#OUTPUT}
   */
  public record Backward(
      String label,
      Activation shape,
      Buffer gradient,
      @Nullable Buffer raw,
      Mask mask,
      @Nullable Buffer output) {}

  /**
   * The coefficients of the input's gradient, {@code a g + b (input - mean) + c}, floats per
   * channel.
   *
   * @param a of the masked gradient
   * @param b of the centred input, or null
   * @param c constant, or null
   * @param mean by which the input is centred, or null
   */
  public record Coefficients(
      Buffer a, @Nullable Buffer b, @Nullable Buffer c, @Nullable Buffer mean) {
    /** Of the masked gradient only. */
    public static Coefficients of(Buffer a) {
      return new Coefficients(a, null, null, null);
    }
  }

  /** Gradients of gamma and beta, those that are wanted, and the coefficients. */
  public void backwardStatistics(
      Program program,
      Backward backward,
      Norm norm,
      @Nullable Buffer dGamma,
      @Nullable Buffer dBeta,
      Coefficients coefficients) {
    Buffer partials = reduce(program, backward, norm);
    finalizeBackward(
        program,
        backward.label() + " gradients of gamma and beta",
        backward.shape(),
        partials,
        norm,
        dGamma,
        dBeta,
        coefficients);
  }

  /** The gradient of a bias that is added last: the sum over rows. */
  public void biasGradient(
      Program program, String label, Activation shape, Buffer gradient, Buffer dBias) {
    Backward backward = new Backward(label, shape, gradient, null, Mask.NONE, null);
    Buffer partials = reduce(program, backward, null);
    finalizeBackward(
        program, label + " gradient of the bias", shape, partials, null, null, dBias, null);
  }

  private static int rowsPerBlock(Activation shape) {
    return Math.max(ROWS_PER_BLOCK, Geometry.ceilDiv(shape.rows(), MOST_REDUCE_BLOCKS));
  }

  private static int reduceBlocks(Activation shape) {
    return Geometry.ceilDiv(shape.rows(), rowsPerBlock(shape));
  }

  private Buffer reduce(Program program, Backward backward, @Nullable Norm norm) {
    Activation shape = backward.shape();
    int blocks = reduceBlocks(shape);
    Buffer partials = program.timeline().workspace(2L * Float.BYTES * shape.pitch() * blocks);
    Buffer mean = norm == null ? null : norm.mean();
    Buffer inverse = norm == null ? null : norm.inverse();
    Buffer scale = norm == null ? null : norm.scale();
    Buffer bias = norm == null ? null : norm.bias();
    Geometry block = overChannels(shape.pitch());
    program.launch(
        emission.typedKernel("batchNormBackwardReduce", BatchNormBackwardReduce.class),
        backward.label() + " sums of the gradient",
        new Geometry(blocks, block.gridY(), 1, block.blockX(), block.blockY(), 0),
        at ->
            new BatchNormBackwardReduce(
                at.of(backward.gradient()),
                at.of(backward.raw()),
                at.of(backward.output()),
                at.of(mean),
                at.of(inverse),
                at.of(scale),
                at.of(bias),
                at.of(partials),
                shape.rows(),
                shape.pitch(),
                rowsPerBlock(shape),
                backward.mask().number()));
    return partials;
  }

  private void finalizeBackward(
      Program program,
      String label,
      Activation shape,
      Buffer partials,
      @Nullable Norm norm,
      @Nullable Buffer dGamma,
      @Nullable Buffer dBeta,
      @Nullable Coefficients coefficients) {
    Buffer gamma = norm == null ? null : norm.gamma();
    Buffer inverse = norm == null ? null : norm.inverse();
    Buffer a = coefficients == null ? null : coefficients.a();
    Buffer b = coefficients == null ? null : coefficients.b();
    Buffer c = coefficients == null ? null : coefficients.c();
    program.launch(
        emission.kernel("batchNormBackwardFinalize", BatchNormBackwardFinalize.class),
        label,
        perChannels(1, shape.pitch()),
        at ->
            new BatchNormBackwardFinalize(
                at.of(partials),
                at.of(gamma),
                at.of(inverse),
                at.of(dGamma),
                at.of(dBeta),
                at.of(a),
                at.of(b),
                at.of(c),
                shape.pitch(),
                reduceBlocks(shape),
                shape.rows(),
                at.accumulates()));
  }

  /**
   * The gradient of the input, and the masked gradient where that is wanted; either may take the
   * place of the gradient.
   *
   * @param norm whose scale and bias the mask needs, or null
   * @param coefficients null: the gradient of the input is the masked gradient
   */
  public void backwardApply(
      Program program,
      Backward backward,
      @Nullable Norm norm,
      @Nullable Coefficients coefficients,
      Buffer inputGradient,
      @Nullable Buffer maskedGradient) {
    Activation shape = backward.shape();
    Buffer a = coefficients == null ? null : coefficients.a();
    Buffer b = coefficients == null ? null : coefficients.b();
    Buffer c = coefficients == null ? null : coefficients.c();
    Buffer mean = coefficients == null ? null : coefficients.mean();
    Buffer scale = norm == null ? null : norm.scale();
    Buffer bias = norm == null ? null : norm.bias();
    program.launch(
        emission.typedKernel("batchNormBackwardApply", BatchNormBackwardApply.class),
        backward.label() + " gradient of the convolution's result",
        elementwise(shape),
        at ->
            new BatchNormBackwardApply(
                at.of(backward.gradient()),
                at.of(backward.raw()),
                at.of(backward.output()),
                at.of(a),
                at.of(b),
                at.of(c),
                at.of(mean),
                at.of(scale),
                at.of(bias),
                at.of(inputGradient),
                at.of(maskedGradient),
                shape.rows(),
                shape.pitch(),
                backward.mask().number()));
  }
}
