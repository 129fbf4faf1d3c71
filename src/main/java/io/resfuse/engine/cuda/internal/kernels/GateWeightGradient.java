package io.resfuse.engine.cuda.internal.kernels;

/**
 * The gradients of the parameters of one product of squeeze and excitation.
 *
 * <p>Mirrors {@code resfuse::GateWeightGradient} of {@code cuda-kernels/parameters.cuh}, which has
 * the formula; {@code long}s are addresses on the device.
 *
 * @param gradient of what the product gives
 * @param input what it reads
 * @param weight takes the gradient of the weights, or 0
 * @param bias takes that of the bias, or 0
 * @param images images
 * @param outputs of the product
 * @param inputs of the product
 * @param gradientPitch floats from one image to the next
 * @param inputPitch floats from one image to the next
 * @param accumulate 1 to add to what is there, else 0
 */
public record GateWeightGradient(
    long gradient,
    long input,
    long weight,
    long bias,
    int images,
    int outputs,
    int inputs,
    int gradientPitch,
    int inputPitch,
    int accumulate) {}
