package io.resfuse.engine.cuda.internal.kernels;

/**
 * Weights as the gradient of the input wants them.
 *
 * <p>Mirrors {@code resfuse::TransposeWeights} of {@code cuda-kernels/parameters.cuh}, which has
 * the formula; {@code long}s are addresses on the device where they are not counts.
 *
 * @param weights weights
 * @param transposed tensor
 * @param packs packs of groups
 * @param outputs output channels of one pack, a multiple of 8
 * @param taps taps
 * @param channels padded
 */
public record TransposeWeights(
    long weights, long transposed, int packs, int outputs, int taps, int channels) {}
