package io.resfuse.engine.cuda.internal.kernels;

/**
 * Which elements of an input an implicit GEMM meets: the part that {@link Convolution} and {@link
 * WeightGradient} have in common. With tap row r at grid row i, the input row is {@code i rowStride
 * + rowOffset + r rowStep}; columns likewise; what lies outside of the input is zero.
 *
 * @param images images
 * @param gridHeight rows of the grid
 * @param gridWidth columns of the grid
 * @param inputHeight rows of the input
 * @param inputWidth columns of the input
 * @param inputPitch elements from one pixel of the input to the next
 * @param channels of one pack: elements per tap, a multiple of 8
 * @param rowStride input rows per row of the grid
 * @param columnStride input columns per column of the grid
 * @param rowOffset input row of tap 0 at row 0
 * @param columnOffset input column of tap 0 at column 0
 * @param rowStep input rows per row of taps
 * @param columnStep input columns per column of taps
 * @param tapRows rows of taps, at most 15
 * @param tapColumns columns of taps, at most 15
 */
public record Gather(
    int images,
    int gridHeight,
    int gridWidth,
    int inputHeight,
    int inputWidth,
    int inputPitch,
    int channels,
    int rowStride,
    int columnStride,
    int rowOffset,
    int columnOffset,
    int rowStep,
    int columnStep,
    int tapRows,
    int tapColumns) {}
