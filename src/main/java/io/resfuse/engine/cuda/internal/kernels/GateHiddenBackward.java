package io.resfuse.engine.cuda.internal.kernels;

/**
 * The gradients of the hidden values of squeeze and excitation.
 *
 * <p>Mirrors {@code resfuse::GateHiddenBackward} of {@code cuda-kernels/parameters.cuh}, which has
 * the formula; {@code long}s are addresses on the device.
 *
 * @param partials floats per slice, image and channel
 * @param gate gates
 * @param hidden hidden values
 * @param weight of the second product
 * @param logitGradient takes the gradients of what the sigmoid is of
 * @param hiddenGradient takes those of the hidden values
 * @param images images
 * @param channels padded
 * @param valid channels without padding
 * @param reduced hidden values of an image
 * @param slices of the partials
 */
public record GateHiddenBackward(
    long partials,
    long gate,
    long hidden,
    long weight,
    long logitGradient,
    long hiddenGradient,
    int images,
    int channels,
    int valid,
    int reduced,
    int slices) {}
