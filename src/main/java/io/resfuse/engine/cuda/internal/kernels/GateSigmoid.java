package io.resfuse.engine.cuda.internal.kernels;

/**
 * The second product of squeeze and excitation, and its sigmoid.
 *
 * <p>Mirrors {@code resfuse::GateSigmoid} of {@code cuda-kernels/parameters.cuh}, which has the
 * formula; {@code long}s are addresses on the device.
 *
 * @param hidden hidden values
 * @param weight of the second product
 * @param bias of the second product
 * @param gate takes the gates
 * @param images images
 * @param channels padded
 * @param valid channels without padding
 * @param reduced hidden values of an image
 */
public record GateSigmoid(
    long hidden,
    long weight,
    long bias,
    long gate,
    int images,
    int channels,
    int valid,
    int reduced) {}
