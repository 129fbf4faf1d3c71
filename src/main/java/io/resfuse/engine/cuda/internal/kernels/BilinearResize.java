package io.resfuse.engine.cuda.internal.kernels;

/**
 * Bilinear interpolation between the centres of pixels, or its gradient.
 *
 * <p>Mirrors {@code resfuse::BilinearResize} of {@code cuda-kernels/maps.cuh}, which has the
 * formula; {@code long}s are addresses on the device.
 *
 * @param input tensor
 * @param output tensor
 * @param images images
 * @param inputHeight rows of what is resized
 * @param inputWidth columns of what is resized
 * @param outputHeight rows of the result
 * @param outputWidth columns of the result
 * @param channels padded
 * @param accumulate 1 to add to what is there, else 0
 */
public record BilinearResize(
    long input,
    long output,
    int images,
    int inputHeight,
    int inputWidth,
    int outputHeight,
    int outputWidth,
    int channels,
    int accumulate) {}
