package io.resfuse.engine.cuda.internal.kernels;

/**
 * Rounds floats to what tensors are stored as.
 *
 * <p>Mirrors {@code resfuse::Cast} of {@code cuda-kernels/parameters.cuh}, which has the formula;
 * {@code long}s are addresses on the device where they are not counts.
 *
 * @param values floats
 * @param stored tensor
 * @param elements how many
 */
public record Cast(long values, long stored, long elements) {}
