package io.resfuse.engine.cuda.internal.kernels;

/**
 * What the last block of a {@link Convolution} derives from the statistics, or from the sums of a
 * gradient, that all its blocks took: what {@link BatchNormFinalize}, or {@link
 * BatchNormBackwardFinalize}, would.
 *
 * @param arrivals zeros, one per pack, column tile and group of blocks and one more for each pack
 *     and column tile; or 0: nothing is derived
 * @param gamma scale, floats
 * @param beta shift, floats
 * @param batchMean floats per channel
 * @param batchInverse 1 / sqrt(variance + epsilon), floats per channel
 * @param batchScale floats per channel
 * @param batchBias floats per channel
 * @param runningMean floats per channel
 * @param runningVariance floats per channel
 * @param dGamma gradient, floats, or 0
 * @param dBeta gradient, floats, or 0
 * @param a coefficients of the masked gradient, floats per channel
 * @param b coefficients of the centred input, floats per channel
 * @param c constants, floats per channel
 * @param blocksPerGroup blocks of row tiles of which the last puts together what they have
 * @param momentum share of the batch in the running statistics
 * @param epsilon added to the variance
 * @param accumulate 1 to add to the gradients that are there, else 0
 */
public record BatchEnd(
    long arrivals,
    long gamma,
    long beta,
    long batchMean,
    long batchInverse,
    long batchScale,
    long batchBias,
    long runningMean,
    long runningVariance,
    long dGamma,
    long dBeta,
    long a,
    long b,
    long c,
    int blocksPerGroup,
    float momentum,
    float epsilon,
    int accumulate) {
  /** Nothing is derived. */
  public static final BatchEnd NONE =
      new BatchEnd(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
}
