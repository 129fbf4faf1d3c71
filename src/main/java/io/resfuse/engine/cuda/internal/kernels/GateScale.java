package io.resfuse.engine.cuda.internal.kernels;

/**
 * The multiplication of squeeze and excitation, or its gradient.
 *
 * <p>Mirrors {@code resfuse::GateScale} of {@code cuda-kernels/parameters.cuh}, which has the
 * formula; {@code long}s are addresses on the device.
 *
 * @param input tensor
 * @param gate floats per image and channel
 * @param shift floats per image and channel, or 0
 * @param residual tensor, or 0
 * @param output tensor
 * @param images images
 * @param pixels of an image
 * @param channels padded
 * @param pixelsPerBlock that a block writes
 * @param relu 1 if a ReLU ends it, else 0
 */
public record GateScale(
    long input,
    long gate,
    long shift,
    long residual,
    long output,
    int images,
    int pixels,
    int channels,
    int pixelsPerBlock,
    int relu) {}
