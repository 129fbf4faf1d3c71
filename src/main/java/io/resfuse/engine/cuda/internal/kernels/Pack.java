package io.resfuse.engine.cuda.internal.kernels;

/**
 * From the host's floats or bytes to a tensor.
 *
 * <p>Mirrors {@code resfuse::Pack} of {@code cuda-kernels/parameters.cuh}, which has the formula;
 * {@code long}s are addresses on the device where they are not counts.
 *
 * @param host floats or bytes
 * @param tensor tensor
 * @param scale floats per channel
 * @param bias floats per channel
 * @param images images
 * @param channels padded
 * @param height rows
 * @param width columns
 * @param pitch elements from one pixel to the next
 * @param tensorHeight rows with the border
 * @param tensorWidth columns with the border
 * @param top rows of zeros above
 * @param left columns of zeros before
 * @param channelsLast 1 for NHWC, 0 for NCHW
 * @param accumulate 1 to add to what is there, else 0
 */
public record Pack(
    long host,
    long tensor,
    long scale,
    long bias,
    int images,
    int channels,
    int height,
    int width,
    int pitch,
    int tensorHeight,
    int tensorWidth,
    int top,
    int left,
    int channelsLast,
    int accumulate) {}
