package io.resfuse.engine.cuda.internal.kernels;

/**
 * Normalises, adds a residual, rectifies.
 *
 * <p>Mirrors {@code resfuse::BatchNormApply} of {@code cuda-kernels/parameters.cuh}, which has the
 * formula; {@code long}s are addresses on the device where they are not counts.
 *
 * @param input tensor
 * @param scale floats per channel
 * @param bias floats per channel
 * @param residual tensor, or 0
 * @param residualScale floats per channel, or 0
 * @param residualBias floats per channel, or 0
 * @param output tensor
 * @param bits a byte for each 16 bytes of the output: which of its elements are positive; or 0
 * @param rows pixels of all images
 * @param channels padded
 * @param relu 1 if it ends with max(0, x), else 0
 */
public record BatchNormApply(
    long input,
    long scale,
    long bias,
    long residual,
    long residualScale,
    long residualBias,
    long output,
    long bits,
    int rows,
    int channels,
    int relu) {}
