package io.resfuse.engine.cuda.internal.kernels;

/**
 * Floats to bytes, or bytes to floats.
 *
 * <p>Mirrors {@code resfuse::Recode} of {@code cuda-kernels/parameters.cuh}, which has the formula;
 * {@code long}s are addresses on the device where they are not counts.
 *
 * @param from floats, or bytes
 * @param to bytes, or floats
 * @param elements a multiple of 16
 * @param factor what floats, or bytes less the zero point, are multiplied by
 * @param zeroPoint the byte that stands for zero
 */
public record Recode(long from, long to, long elements, float factor, float zeroPoint) {}
