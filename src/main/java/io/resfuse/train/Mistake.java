package io.resfuse.train;

/**
 * A picture that a network took for something else.
 *
 * @param sample its number in the data set
 * @param label its class
 * @param predicted the class that the network gave it
 * @param predictedProbability of that class
 * @param labelProbability of its own class
 * @param loss cross-entropy of its label
 */
public record Mistake(
    int sample,
    int label,
    int predicted,
    double predictedProbability,
    double labelProbability,
    double loss) {}
