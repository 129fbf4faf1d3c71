package io.resfuse.engine.cuda.internal.kernels;

/**
 * A step of the optimizer over all parameters.
 *
 * <p>Mirrors {@code resfuse::OptimizerStep} of {@code cuda-kernels/parameters.cuh}, which has the
 * formula; {@code long}s are addresses on the device where they are not counts.
 *
 * @param chunks device array of OptimizerChunk
 * @param weights weights
 * @param gradient gradient
 * @param first momentum, or exp_avg
 * @param second exp_avg_sq, or 0
 * @param stored tensor
 * @param rate learning rate
 * @param gradientScale factor of the gradients
 * @param momentum share of the batch in the running statistics
 * @param oneMinusBeta1 1 - beta1, rounded once
 * @param beta2 decay of the square
 * @param oneMinusBeta2 1 - beta2, rounded once
 * @param epsilon added to the variance
 * @param correction1 1 - beta1^t
 * @param correction2 1 - beta2^t
 * @param nesterov 1 to look ahead, else 0
 * @param firstStep 1 at the first step, else 0
 * @param decoupled 1 for AdamW's decay, else 0
 */
public record OptimizerStep(
    long chunks,
    long weights,
    long gradient,
    long first,
    long second,
    long stored,
    float rate,
    float gradientScale,
    float momentum,
    float oneMinusBeta1,
    float beta2,
    float oneMinusBeta2,
    float epsilon,
    float correction1,
    float correction2,
    int nesterov,
    int firstStep,
    int decoupled) {}
