package io.resfuse.engine.cuda.internal.kernels;

/**
 * Some channels of every pixel, copied from one tensor to some channels of another.
 *
 * <p>Mirrors {@code resfuse::ChannelCopy} of {@code cuda-kernels/maps.cuh}, which has the formula;
 * {@code long}s are addresses on the device.
 *
 * @param input tensor
 * @param output tensor
 * @param pixels of all images
 * @param inputPitch elements from one pixel of the input to the next
 * @param outputPitch the same of the output
 * @param inputFirst the first channel that is read
 * @param outputFirst the first channel that is written
 * @param channels how many are copied
 * @param written how many are written, the rest zeros
 * @param accumulate 1 to add to what is there, else 0
 */
public record ChannelCopy(
    long input,
    long output,
    int pixels,
    int inputPitch,
    int outputPitch,
    int inputFirst,
    int outputFirst,
    int channels,
    int written,
    int accumulate) {}
