package io.resfuse.engine;

/**
 * What a plan needs of an engine's memory, in bytes.
 *
 * @param weights packed weights, shared by all plans of a {@link LoadedNetwork}; for training also
 *     master copies, gradients and optimizer state
 * @param activations the arena of activations and their gradients, after sharing by lifetime
 * @param activationsUnshared what the arena would be if every value had a place of its own
 * @param workspace scratch memory of primitives and kernels
 * @param host buffers through which callers write inputs and read outputs
 */
public record PlanMemory(
    long weights, long activations, long activationsUnshared, long workspace, long host) {
  /**
   * The sum of what is allocated.
   *
   * @return bytes
   */
  public long total() {
    return weights + activations + workspace + host;
  }

  /**
   * What two plans need together that share nothing.
   *
   * @param other another one's
   * @return the sums
   */
  public PlanMemory plus(PlanMemory other) {
    return new PlanMemory(
        weights + other.weights,
        activations + other.activations,
        activationsUnshared + other.activationsUnshared,
        workspace + other.workspace,
        host + other.host);
  }

  /** One line, in MiB. */
  @Override
  public String toString() {
    return String.format(
        "%.1f MiB: weights %.1f, activations %.1f (%.1f unshared), workspace %.1f, host buffers %.1f",
        mib(total()),
        mib(weights),
        mib(activations),
        mib(activationsUnshared),
        mib(workspace),
        mib(host));
  }

  static double mib(long bytes) {
    return bytes / 1048576.0;
  }
}
