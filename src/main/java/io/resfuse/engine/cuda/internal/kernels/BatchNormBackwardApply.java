package io.resfuse.engine.cuda.internal.kernels;

/**
 * The gradient of a batch norm's input, and the masked gradient.
 *
 * <p>Mirrors {@code resfuse::BatchNormBackwardApply} of {@code cuda-kernels/parameters.cuh}, which
 * has the formula; {@code long}s are addresses on the device where they are not counts.
 *
 * @param gradient gradient
 * @param input tensor
 * @param output tensor
 * @param bits a byte for each 16 bytes of a tensor, or 0
 * @param a coefficient of the masked gradient, floats per channel
 * @param b coefficient of the centred input
 * @param c constant
 * @param mean floats per channel
 * @param scale floats per channel
 * @param bias floats per channel
 * @param inputGradient tensor
 * @param maskedGradient tensor, or 0
 * @param rows pixels of all images
 * @param channels padded
 * @param mask a Mask, as its number
 */
public record BatchNormBackwardApply(
    long gradient,
    long input,
    long output,
    long bits,
    long a,
    long b,
    long c,
    long mean,
    long scale,
    long bias,
    long inputGradient,
    long maskedGradient,
    int rows,
    int channels,
    int mask) {}
