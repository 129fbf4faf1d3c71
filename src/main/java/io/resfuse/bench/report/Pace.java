package io.resfuse.bench.report;

/**
 * How fast the device was while a workload ran on it, by a large product of matrices in every
 * round, and what share of that the network reached. A machine that changes its speed moves images
 * per second, and hardly the share.
 *
 * @param flopPerSecond of the product
 * @param share of the network's FLOPs per second in the product's, within rounds
 */
public record Pace(Summary flopPerSecond, Summary share) {}
