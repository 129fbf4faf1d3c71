package io.resfuse.engine.cuda.internal.kernels;

/**
 * An implicit GEMM: a convolution, the gradient of one with respect to its input, or a linear
 * layer.
 *
 * <p>Mirrors {@code resfuse::Convolution} of {@code cuda-kernels/parameters.cuh}, which has the
 * formula; {@code long}s are addresses on the device where they are not counts.
 *
 * @param input tensor
 * @param weights weights
 * @param output tensor
 * @param residual tensor, or 0
 * @param scale floats per channel
 * @param bias floats per channel
 * @param inputScale floats per input channel, or 0
 * @param inputBias floats per input channel, or 0
 * @param partials floats
 * @param tickets zeros, one per tile and pack
 * @param statistics floats, or 0
 * @param norm whose gradient the result is, if it is one's
 * @param end what follows from all statistics or sums, if this derives it
 * @param added the norm whose result was added to that of {@code norm}, if there is one
 * @param gather which elements of the input each tap meets
 * @param weightPitch elements from one output channel to the next
 * @param weightOffset elements before tap 0
 * @param weightRowStep elements per row of taps
 * @param weightColumnStep elements per column of taps
 * @param outputHeight rows of the output
 * @param outputWidth columns of the output
 * @param outputPitch elements from one pixel of the output to the next
 * @param outputs output channels of one pack, a multiple of 8
 * @param outputStride pixels of the output per pixel of the grid
 * @param outputRow row of the output at row 0 of the grid
 * @param outputColumn column of the output at column 0
 * @param residualStride rows and columns of the output per row and column of the residual
 * @param packs packs of groups
 * @param slices parts that the sum is cut into
 * @param columnTiles column tiles of the grid
 * @param tilesPerBlock row tiles that a block computes one after the other; their statistics are
 *     taken together. 1 if there are several slices
 * @param relu 1 if it ends with max(0, x), else 0
 * @param inputRelu 1 if the normalised input is rectified, else 0
 */
public record Convolution(
    long input,
    long weights,
    long output,
    long residual,
    long scale,
    long bias,
    long inputScale,
    long inputBias,
    long partials,
    long tickets,
    long statistics,
    NormGradient norm,
    BatchEnd end,
    AddedNorm added,
    Gather gather,
    int weightPitch,
    int weightOffset,
    int weightRowStep,
    int weightColumnStep,
    int outputHeight,
    int outputWidth,
    int outputPitch,
    int outputs,
    int outputStride,
    int outputRow,
    int outputColumn,
    int residualStride,
    int packs,
    int slices,
    int columnTiles,
    int tilesPerBlock,
    int relu,
    int inputRelu) {}
