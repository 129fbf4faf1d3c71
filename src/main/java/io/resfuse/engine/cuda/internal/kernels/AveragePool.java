package io.resfuse.engine.cuda.internal.kernels;

/**
 * The mean over the pixels of an image, or its gradient.
 *
 * <p>Mirrors {@code resfuse::AveragePool} of {@code cuda-kernels/parameters.cuh}, which has the
 * formula; {@code long}s are addresses on the device where they are not counts.
 *
 * @param input tensor
 * @param output tensor
 * @param images images
 * @param pixels per image
 * @param channels padded
 * @param accumulate 1 to add to what is there, else 0
 */
public record AveragePool(
    long input, long output, int images, int pixels, int channels, int accumulate) {}
