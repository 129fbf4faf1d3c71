package io.resfuse.engine.cuda.internal.kernels;

/**
 * Sums of squares.
 *
 * <p>Mirrors {@code resfuse::SquaredNorm} of {@code cuda-kernels/parameters.cuh}, which has the
 * formula; {@code long}s are addresses on the device where they are not counts.
 *
 * @param values floats
 * @param partials floats
 * @param elements how many
 * @param perBlock elements that one block sums
 */
public record SquaredNorm(long values, long partials, long elements, int perBlock) {}
