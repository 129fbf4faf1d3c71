package io.resfuse.engine.cuda.internal.kernels;

/**
 * Sums over rows for the gradient of a batch norm or a bias.
 *
 * <p>Mirrors {@code resfuse::BatchNormBackwardReduce} of {@code cuda-kernels/parameters.cuh}, which
 * has the formula; {@code long}s are addresses on the device where they are not counts.
 *
 * @param gradient gradient
 * @param input tensor
 * @param bits a byte for each 16 bytes of a tensor, or 0
 * @param mean floats per channel
 * @param inverse 1 / sqrt(variance + epsilon), floats per channel
 * @param scale floats per channel
 * @param bias floats per channel
 * @param partials floats
 * @param rows pixels of all images
 * @param channels padded
 * @param rowsPerBlock rows that one block sums
 * @param mask a Mask, as its number
 */
public record BatchNormBackwardReduce(
    long gradient,
    long input,
    long bits,
    long mean,
    long inverse,
    long scale,
    long bias,
    long partials,
    int rows,
    int channels,
    int rowsPerBlock,
    int mask) {}
