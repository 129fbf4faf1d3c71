package io.resfuse.engine.cuda.internal.kernels;

/**
 * The gradients of the inputs of two batch norms whose results were added.
 *
 * <p>Mirrors {@code resfuse::BatchNormBackwardApplyBoth} of {@code cuda-kernels/parameters.cuh},
 * which has the formula; {@code long}s are addresses on the device where they are not counts.
 *
 * @param gradient gradient of the sum, masked
 * @param input tensor
 * @param addedInput tensor, the other norm's
 * @param a coefficient of the gradient, floats per channel
 * @param b coefficient of the centred input
 * @param c constant
 * @param mean floats per channel
 * @param addedA the other norm's
 * @param addedB the other norm's
 * @param addedC the other norm's
 * @param addedMean the other norm's
 * @param inputGradient tensor
 * @param addedInputGradient tensor
 * @param rows pixels of all images
 * @param channels padded
 */
public record BatchNormBackwardApplyBoth(
    long gradient,
    long input,
    long addedInput,
    long a,
    long b,
    long c,
    long mean,
    long addedA,
    long addedB,
    long addedC,
    long addedMean,
    long inputGradient,
    long addedInputGradient,
    int rows,
    int channels) {}
