package io.resfuse.engine.cuda.internal.kernels;

/**
 * Max pooling, perhaps of a normalised input.
 *
 * <p>Mirrors {@code resfuse::MaxPool} of {@code cuda-kernels/parameters.cuh}, which has the
 * formula; {@code long}s are addresses on the device where they are not counts.
 *
 * @param input tensor
 * @param inputScale floats per input channel, or 0
 * @param inputBias floats per input channel, or 0
 * @param output tensor
 * @param index bytes, or 0
 * @param images images
 * @param inputHeight rows of the input
 * @param inputWidth columns of the input
 * @param outputHeight rows of the output
 * @param outputWidth columns of the output
 * @param channels padded
 * @param kernel rows and columns of the window
 * @param stride step of the window
 * @param padding around the image
 * @param inputRelu 1 if the normalised input is rectified, else 0
 * @param rowsPerBlock rows that one block sums
 * @param columnsPerBlock columns that one block does
 */
public record MaxPool(
    long input,
    long inputScale,
    long inputBias,
    long output,
    long index,
    int images,
    int inputHeight,
    int inputWidth,
    int outputHeight,
    int outputWidth,
    int channels,
    int kernel,
    int stride,
    int padding,
    int inputRelu,
    int rowsPerBlock,
    int columnsPerBlock) {}
