package io.resfuse.engine.cuda.internal.kernels;

/**
 * Its gradient.
 *
 * <p>Mirrors {@code resfuse::MaxPoolBackward} of {@code cuda-kernels/parameters.cuh}, which has the
 * formula; {@code long}s are addresses on the device where they are not counts.
 *
 * @param gradient gradient
 * @param index bytes, or 0
 * @param inputGradient tensor, or 0
 * @param images images
 * @param inputHeight rows of the input
 * @param inputWidth columns of the input
 * @param outputHeight rows of the output
 * @param outputWidth columns of the output
 * @param channels padded
 * @param kernel rows and columns of the window
 * @param stride step of the window
 * @param padding around the image
 * @param accumulate 1 to add to what is there, else 0
 * @param rowsPerBlock rows that one block sums
 * @param columnsPerBlock columns that one block does
 */
public record MaxPoolBackward(
    long gradient,
    long index,
    long inputGradient,
    int images,
    int inputHeight,
    int inputWidth,
    int outputHeight,
    int outputWidth,
    int channels,
    int kernel,
    int stride,
    int padding,
    int accumulate,
    int rowsPerBlock,
    int columnsPerBlock) {}
