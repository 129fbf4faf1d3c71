package io.resfuse.engine.cuda.internal.kernels;

/**
 * The shortcut without parameters, or its gradient.
 *
 * <p>Mirrors {@code resfuse::SubsampledIdentity} of {@code cuda-kernels/parameters.cuh}, which has
 * the formula; {@code long}s are addresses on the device where they are not counts.
 *
 * @param input tensor
 * @param output tensor
 * @param images images
 * @param inputHeight rows of the input
 * @param inputWidth columns of the input
 * @param inputChannels of the forward pass' input, padded
 * @param outputHeight rows of the output
 * @param outputWidth columns of the output
 * @param outputChannels of its output, padded
 * @param stride step of the window
 * @param before channels of zeros before
 * @param valid the input's channels
 * @param accumulate 1 to add to what is there, else 0
 */
public record SubsampledIdentity(
    long input,
    long output,
    int images,
    int inputHeight,
    int inputWidth,
    int inputChannels,
    int outputHeight,
    int outputWidth,
    int outputChannels,
    int stride,
    int before,
    int valid,
    int accumulate) {}
