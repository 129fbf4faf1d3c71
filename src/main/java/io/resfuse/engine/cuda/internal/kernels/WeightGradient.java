package io.resfuse.engine.cuda.internal.kernels;

/**
 * The gradient of a convolution's weights.
 *
 * <p>Mirrors {@code resfuse::WeightGradient} of {@code cuda-kernels/parameters.cuh}, which has the
 * formula; {@code long}s are addresses on the device where they are not counts.
 *
 * @param input tensor
 * @param outputGradient tensor
 * @param inputScale floats per input channel, or 0
 * @param inputBias floats per input channel, or 0
 * @param gradient gradient; or 0: there are several slices and no tickets
 * @param partials floats, or 0: there is one slice
 * @param tickets zeros, one per tile and pack; or 0: the slices are added later
 * @param gather which elements of the input each tap meets
 * @param weightPitch elements from one output channel to the next
 * @param outputPitch elements from one pixel of the output to the next
 * @param outputs output channels of one pack, a multiple of 8
 * @param packs packs of groups
 * @param slices parts that the sum is cut into
 * @param columnTiles column tiles of the grid
 * @param inputRelu 1 if the normalised input is rectified, else 0
 * @param accumulate 1 to add to what is there, else 0
 * @param groupOutputs output channels per group
 * @param groupChannels input channels per group
 * @param validChannels channels of a pack that are no padding
 */
public record WeightGradient(
    long input,
    long outputGradient,
    long inputScale,
    long inputBias,
    long gradient,
    long partials,
    long tickets,
    Gather gather,
    int weightPitch,
    int outputPitch,
    int outputs,
    int packs,
    int slices,
    int columnTiles,
    int inputRelu,
    int accumulate,
    int groupOutputs,
    int groupChannels,
    int validChannels) {}
