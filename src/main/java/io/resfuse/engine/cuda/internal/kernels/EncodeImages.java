package io.resfuse.engine.cuda.internal.kernels;

/**
 * Images of the host to bytes.
 *
 * <p>Mirrors {@code resfuse::EncodeImages} of {@code cuda-kernels/parameters.cuh}, which has the
 * formula; {@code long}s are addresses on the device.
 *
 * @param host floats, or unsigned bytes
 * @param tensor bytes
 * @param scale factors of pixels, floats; 0 if the host has floats
 * @param bias of pixels, floats; 0 if the host has floats
 * @param images of the batch
 * @param channels of an image
 * @param height rows
 * @param width columns
 * @param pitch bytes from one pixel of the tensor to the next: 8, or a multiple of 16
 * @param tensorHeight rows of the tensor
 * @param tensorWidth columns of the tensor
 * @param top its row of the image's first
 * @param left its column of the image's first
 * @param channelsLast 1 if the host's order is NHWC, 0 for NCHW
 * @param inverse what floats are multiplied by
 * @param zeroPoint what is added then
 */
public record EncodeImages(
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
    float inverse,
    float zeroPoint) {}
