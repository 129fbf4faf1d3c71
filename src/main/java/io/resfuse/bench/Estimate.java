package io.resfuse.bench;

/**
 * What softcuda estimates for a kernel of engine cuda on GPUs that are not here: a roofline by
 * counters and published peaks. No measurement.
 *
 * @param workload the network that the kernel is part of
 * @param pass forward or backward
 * @param layer what the kernel does for which operation
 * @param a100Seconds on an A100
 * @param h100Seconds on an H100
 */
public record Estimate(
    Workload workload, String pass, String layer, double a100Seconds, double h100Seconds) {}
