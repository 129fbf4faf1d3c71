package io.resfuse.engine.cuda.internal.kernels;

/**
 * Adds those sums; coefficients of the input's gradient.
 *
 * <p>Mirrors {@code resfuse::BatchNormBackwardFinalize} of {@code cuda-kernels/parameters.cuh},
 * which has the formula; {@code long}s are addresses on the device where they are not counts.
 *
 * @param partials floats
 * @param gamma scale, floats
 * @param inverse 1 / sqrt(variance + epsilon), floats per channel
 * @param dGamma floats per channel, or 0
 * @param dBeta floats per channel, or 0
 * @param a coefficient of the masked gradient, floats per channel
 * @param b coefficient of the centred input
 * @param c constant
 * @param channels padded
 * @param blocks of the reduction
 * @param rows pixels of all images
 * @param accumulate 1 to add to what is there, else 0
 */
public record BatchNormBackwardFinalize(
    long partials,
    long gamma,
    long inverse,
    long dGamma,
    long dBeta,
    long a,
    long b,
    long c,
    int channels,
    int blocks,
    int rows,
    int accumulate) {}
