package io.resfuse.engine.cuda.internal.kernels;

/**
 * Scale and bias of a batch norm with running statistics.
 *
 * <p>Mirrors {@code resfuse::BatchNormFold} of {@code cuda-kernels/parameters.cuh}, which has the
 * formula; {@code long}s are addresses on the device where they are not counts.
 *
 * @param gamma scale, floats
 * @param beta shift, floats
 * @param mean floats per channel
 * @param variance floats per channel
 * @param convolutionBias floats per channel, or 0
 * @param scale floats per channel
 * @param bias floats per channel
 * @param channels padded
 * @param epsilon added to the variance
 */
public record BatchNormFold(
    long gamma,
    long beta,
    long mean,
    long variance,
    long convolutionBias,
    long scale,
    long bias,
    int channels,
    float epsilon) {}
