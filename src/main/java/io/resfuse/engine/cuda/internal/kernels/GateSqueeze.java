package io.resfuse.engine.cuda.internal.kernels;

/**
 * The sums over pixels of squeeze and excitation, or of its gradient.
 *
 * <p>Mirrors {@code resfuse::GateSqueeze} of {@code cuda-kernels/parameters.cuh}, which has the
 * formula; {@code long}s are addresses on the device.
 *
 * @param input tensor
 * @param output backward: whose sign is the mask; or 0
 * @param gradient backward: of the output
 * @param partials floats per slice, image and channel
 * @param images images
 * @param pixels of an image
 * @param channels padded
 * @param pixelsPerSlice that a block adds up
 */
public record GateSqueeze(
    long input,
    long output,
    long gradient,
    long partials,
    int images,
    int pixels,
    int channels,
    int pixelsPerSlice) {}
