package io.resfuse.engine.cuda.internal.emit;

import io.resfuse.engine.cuda.internal.driver.Geometry;
import io.resfuse.engine.cuda.internal.kernels.BatchNormApply;
import io.resfuse.engine.cuda.internal.kernels.BatchNormFinalize;
import io.resfuse.engine.cuda.internal.kernels.BatchNormFold;
import io.resfuse.engine.cuda.internal.kernels.BatchNormMerge;
import io.resfuse.engine.cuda.internal.layout.Activation;
import io.resfuse.engine.cuda.internal.program.Buffer;
import io.resfuse.engine.cuda.internal.program.Program;
import org.jspecify.annotations.Nullable;

/** Adds batch norms to programs, forward; see {@link NormalizationGradients}. */
public final class Normalizations {
  private static final int TILES_PER_GROUP = 32;

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
    int most = emission.toolkit().thresholds().mostStatistics();
    if (tiles > most) {
      int perGroup = Math.max(1, Geometry.ceilDiv(tiles, most * TILES_PER_GROUP)) * TILES_PER_GROUP;
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
        PerChannel.grid(1, norm.channels()),
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
    Geometry block = PerChannel.grid(1, norm.channels());
    program.launch(
        emission.kernel("batchNormMerge", BatchNormMerge.class),
        norm.label() + " merge of statistics",
        new Geometry(groups, block.gridX(), 1, block.blockX(), block.blockY(), 0),
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
                norm.channels(),
                norm.epsilon()));
  }

  /**
   * {@code output = [relu](input * scale + bias + residual)}.
   *
   * @param bits which elements of the output are positive, a byte for each 16 bytes; or null
   */
  public void apply(
      Program program,
      String label,
      Activation shape,
      Operand input,
      @Nullable Operand residual,
      Buffer output,
      @Nullable Buffer bits) {
    Buffer added = residual == null ? null : residual.tensor();
    Buffer addedScale = residual == null ? null : residual.scale();
    Buffer addedBias = residual == null ? null : residual.bias();
    program.launch(
        emission.typedKernel("batchNormApply", BatchNormApply.class),
        label,
        PerChannel.elementwise(emission, shape),
        at ->
            new BatchNormApply(
                at.of(input.tensor()),
                at.of(input.scale()),
                at.of(input.bias()),
                at.of(added),
                at.of(addedScale),
                at.of(addedBias),
                at.of(output),
                at.of(bits),
                shape.rows(),
                shape.pitch(),
                input.rectifies()));
  }
}
