package io.resfuse.engine.cuda.internal.kernels;

/**
 * A batch's statistics, and what follows from them.
 *
 * <p>Mirrors {@code resfuse::BatchNormFinalize} of {@code cuda-kernels/parameters.cuh}, which has
 * the formula; {@code long}s are addresses on the device where they are not counts.
 *
 * @param statistics floats, or 0
 * @param gamma scale, floats
 * @param beta shift, floats
 * @param mean floats per channel
 * @param inverse 1 / sqrt(variance + epsilon), floats per channel
 * @param scale floats per channel
 * @param bias floats per channel
 * @param runningMean floats per channel
 * @param runningVariance floats per channel
 * @param channels padded
 * @param tiles row tiles
 * @param rowsPerTile rows of a tile
 * @param rows pixels of all images
 * @param momentum share of the batch in the running statistics
 * @param epsilon added to the variance
 */
public record BatchNormFinalize(
    long statistics,
    long gamma,
    long beta,
    long mean,
    long inverse,
    long scale,
    long bias,
    long runningMean,
    long runningVariance,
    int channels,
    int tiles,
    int rowsPerTile,
    int rows,
    float momentum,
    float epsilon) {}
