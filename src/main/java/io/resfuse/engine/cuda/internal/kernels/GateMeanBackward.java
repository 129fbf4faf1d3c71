package io.resfuse.engine.cuda.internal.kernels;

/**
 * The gradients of the means of squeeze and excitation.
 *
 * <p>Mirrors {@code resfuse::GateMeanBackward} of {@code cuda-kernels/parameters.cuh}, which has
 * the formula; {@code long}s are addresses on the device.
 *
 * @param hiddenGradient of the hidden values
 * @param weight of the first product
 * @param meanGradient takes those of the means, divided by the pixels
 * @param images images
 * @param pixels of an image
 * @param channels padded
 * @param valid channels without padding
 * @param reduced hidden values of an image
 */
public record GateMeanBackward(
    long hiddenGradient,
    long weight,
    long meanGradient,
    int images,
    int pixels,
    int channels,
    int valid,
    int reduced) {}
