package io.resfuse.engine.cuda.internal.kernels;

/**
 * From a tensor to the host's floats.
 *
 * <p>Mirrors {@code resfuse::Unpack} of {@code cuda-kernels/parameters.cuh}, which has the formula;
 * {@code long}s are addresses on the device where they are not counts.
 *
 * @param tensor tensor
 * @param host floats or bytes
 * @param images images
 * @param channels padded
 * @param height rows
 * @param width columns
 * @param pitch elements from one pixel to the next
 * @param channelsLast 1 for NHWC, 0 for NCHW
 */
public record Unpack(
    long tensor,
    long host,
    int images,
    int channels,
    int height,
    int width,
    int pitch,
    int channelsLast) {}
