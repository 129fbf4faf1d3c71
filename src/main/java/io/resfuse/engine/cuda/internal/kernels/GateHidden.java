package io.resfuse.engine.cuda.internal.kernels;

/**
 * The first product of squeeze and excitation.
 *
 * <p>Mirrors {@code resfuse::GateHidden} of {@code cuda-kernels/parameters.cuh}, which has the
 * formula; {@code long}s are addresses on the device.
 *
 * @param partials floats per slice, image and channel
 * @param weight of the first product
 * @param bias of the first product
 * @param mean takes the means
 * @param hidden takes the hidden values
 * @param images images
 * @param pixels of an image
 * @param channels padded
 * @param valid channels without padding
 * @param reduced hidden values of an image
 * @param slices of the partials
 */
public record GateHidden(
    long partials,
    long weight,
    long bias,
    long mean,
    long hidden,
    int images,
    int pixels,
    int channels,
    int valid,
    int reduced,
    int slices) {}
