package io.resfuse.engine.cuda.internal.kernels;

/**
 * The mean over squares of pixels, or its gradient.
 *
 * <p>Mirrors {@code resfuse::AverageSquares} of {@code cuda-kernels/parameters.cuh}, which has the
 * formula; {@code long}s are addresses on the device.
 *
 * @param input tensor
 * @param output tensor
 * @param images images
 * @param height rows of the larger tensor
 * @param width columns of the larger tensor
 * @param channels padded
 * @param size rows and columns of a square
 * @param accumulate 1 to add to what is there, else 0
 */
public record AverageSquares(
    long input,
    long output,
    int images,
    int height,
    int width,
    int channels,
    int size,
    int accumulate) {}
