package io.resfuse.engine.cuda.internal.kernels;

/**
 * Adds the slices of a weight gradient.
 *
 * <p>Mirrors {@code resfuse::SumSlices} of {@code cuda-kernels/parameters.cuh}, which has the
 * formula; {@code long}s are addresses on the device where they are not counts.
 *
 * @param partials floats
 * @param gradient gradient
 * @param elements how many
 * @param slices parts that the sum is cut into
 * @param accumulate 1 to add to what is there, else 0
 */
public record SumSlices(long partials, long gradient, long elements, int slices, int accumulate) {}
