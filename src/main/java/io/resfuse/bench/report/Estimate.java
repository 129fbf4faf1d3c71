package io.resfuse.bench.report;

/**
 * What softcuda estimates of the CUDA kernels of a workload on a GPU that nobody has asked: no
 * measurement. Each launch takes at least as long as its slowest unit would at its published peak.
 *
 * @param workload what
 * @param gpu the GPU's name
 * @param launches of kernels in an iteration
 * @param seconds the sum of the launches' least times
 * @param bytes moved to and from memory
 * @param tensorFlop on tensor cores
 */
public record Estimate(
    Workload workload, String gpu, int launches, double seconds, double bytes, double tensorFlop) {
  /**
   * Images per second, if nothing took longer than its least time and nothing else took any.
   *
   * @return an upper bound
   */
  public double imagesPerSecond() {
    return workload.batch() / seconds;
  }
}
