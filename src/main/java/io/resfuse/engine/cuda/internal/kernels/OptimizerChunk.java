package io.resfuse.engine.cuda.internal.kernels;

/**
 * What one block of the optimizer updates.
 *
 * <p>Mirrors {@code resfuse::OptimizerChunk} of {@code cuda-kernels/parameters.cuh}, which has the
 * formula; {@code long}s are addresses on the device where they are not counts.
 *
 * @param begin first element
 * @param count elements, a multiple of 4
 * @param rateScale factor of the learning rate
 * @param weightDecay coefficient
 */
public record OptimizerChunk(long begin, int count, float rateScale, float weightDecay) {}
