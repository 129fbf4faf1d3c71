package io.resfuse.engine.cuda.internal.kernels;

/**
 * What a {@link Convolution} needs whose result is the gradient of what a batch norm gave: it masks
 * it, and takes the sums that {@link BatchNormBackwardReduce} would.
 *
 * @param raw tensor, what was normalised, or 0: it is no such gradient
 * @param bits a byte for each 16 bytes of a tensor, or 0
 * @param mean floats per channel
 * @param inverse 1 / sqrt(variance + epsilon), floats per channel
 * @param normScale floats per channel
 * @param normBias floats per channel
 * @param gradientSums floats
 * @param mask a Mask, as its number
 */
public record NormGradient(
    long raw,
    long bits,
    long mean,
    long inverse,
    long normScale,
    long normBias,
    long gradientSums,
    int mask) {
  /** The result is no such gradient. */
  public static final NormGradient NONE = new NormGradient(0, 0, 0, 0, 0, 0, 0, 0);
}
