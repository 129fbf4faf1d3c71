package io.resfuse.engine.cuda.internal.kernels;

/**
 * The batch norm whose result was added to that of a {@link NormGradient}, as a projection's is:
 * the masked gradient is its own, too, and the {@link Convolution} takes the sums of both.
 *
 * @param addedRaw tensor, what was normalised, or 0: there is none
 * @param addedMean floats per channel
 * @param addedInverse 1 / sqrt(variance + epsilon), floats per channel
 * @param addedSums floats, as {@link NormGradient#gradientSums}
 * @param addedGamma scale, floats; this and what follows is for the last block, as in {@link
 *     BatchEnd}
 * @param addedDGamma gradient, floats, or 0
 * @param addedDBeta gradient, floats, or 0
 * @param addedA coefficients of the masked gradient, floats per channel
 * @param addedB coefficients of the centred input, floats per channel
 * @param addedC constants, floats per channel
 */
public record AddedNorm(
    long addedRaw,
    long addedMean,
    long addedInverse,
    long addedSums,
    long addedGamma,
    long addedDGamma,
    long addedDBeta,
    long addedA,
    long addedB,
    long addedC) {
  /** Nothing was added that is a batch norm's. */
  public static final AddedNorm NONE = new AddedNorm(0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
}
