package io.resfuse.engine.cuda.internal.kernels;

/**
 * The loss per image, and the gradient of the logits.
 *
 * <p>Mirrors {@code resfuse::SoftmaxCrossEntropy} of {@code cuda-kernels/parameters.cuh}, which has
 * the formula; {@code long}s are addresses on the device where they are not counts.
 *
 * @param logits T [images][pitch]
 * @param labels ints, one per image, -1 for none
 * @param targets floats, one distribution per image, or 0
 * @param loss floats per image
 * @param gradient gradient
 * @param images images
 * @param classes classes
 * @param pitch elements from one pixel to the next
 * @param smoothing of the labels
 * @param inverseCounted 1 / labelled images
 */
public record SoftmaxCrossEntropy(
    long logits,
    long labels,
    long targets,
    long loss,
    long gradient,
    int images,
    int classes,
    int pitch,
    float smoothing,
    float inverseCounted) {}
