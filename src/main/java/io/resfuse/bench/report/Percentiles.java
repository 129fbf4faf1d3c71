package io.resfuse.bench.report;

/**
 * Latencies in seconds, of all iterations of all rounds.
 *
 * @param p50 the median
 * @param p90 nine in ten are not slower
 * @param p99 ninety-nine in a hundred are not slower; of few iterations it says little
 * @param iterations how many there were
 */
public record Percentiles(double p50, double p90, double p99, int iterations) {}
