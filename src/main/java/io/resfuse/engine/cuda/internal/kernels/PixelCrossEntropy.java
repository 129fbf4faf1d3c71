package io.resfuse.engine.cuda.internal.kernels;

/**
 * Softmax cross-entropy of each pixel, and its gradient.
 *
 * <p>Mirrors {@code resfuse::PixelCrossEntropy} of {@code cuda-kernels/maps.cuh}, which has the
 * formula; {@code long}s are addresses on the device.
 *
 * @param logits tensor
 * @param labels one per pixel, -1 for none
 * @param loss floats, one per block
 * @param gradient floats of the caller's layout
 * @param pixels of all images
 * @param plane pixels of an image
 * @param classes channels of the logits
 * @param pitch elements from one pixel of the logits to the next
 * @param channelsLast 1 if the gradient has the classes of a pixel together, 0 if it has planes
 * @param pixelsPerBlock at most 128
 * @param smoothing of labels
 * @param scale the loss's weight by the number of pixels that have a label
 */
public record PixelCrossEntropy(
    long logits,
    long labels,
    long loss,
    long gradient,
    int pixels,
    int plane,
    int classes,
    int pitch,
    int channelsLast,
    int pixelsPerBlock,
    float smoothing,
    float scale) {}
