package io.resfuse.engine.cuda.internal.kernels;

/**
 * A forward convolution of bytes by signed bytes.
 *
 * <p>Mirrors {@code resfuse::IntegerConvolution} of {@code cuda-kernels/parameters.cuh}, which has
 * the formula; {@code long}s are addresses on the device.
 *
 * @param input bytes
 * @param weights signed bytes
 * @param output bytes or floats
 * @param residual bytes, or 0
 * @param padding 16 bytes, each the input's zero point, or 0
 * @param corrections ints per output channel, or 0
 * @param multiplier floats per output channel
 * @param bias floats per output channel
 * @param partials ints
 * @param tickets zeros, one per tile and pack
 * @param gather which elements of the input each tap meets
 * @param weightPitch bytes from one output channel to the next
 * @param outputPitch elements from one pixel of the output to the next
 * @param outputs output channels of one pack, a multiple of 16
 * @param packs packs of groups
 * @param slices parts that the sum is cut into
 * @param columnTiles column tiles of the grid
 * @param relu 1 if it ends with max(0, x), else 0
 * @param floats 1 if the output is of floats, else 0
 * @param residualFactor what the residual's bytes are multiplied by
 */
public record IntegerConvolution(
    long input,
    long weights,
    long output,
    long residual,
    long padding,
    long corrections,
    long multiplier,
    long bias,
    long partials,
    long tickets,
    Gather gather,
    int weightPitch,
    int outputPitch,
    int outputs,
    int packs,
    int slices,
    int columnTiles,
    int relu,
    int floats,
    float residualFactor) {}
