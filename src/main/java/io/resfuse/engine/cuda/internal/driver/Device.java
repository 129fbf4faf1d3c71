package io.resfuse.engine.cuda.internal.driver;

/**
 * What a device is.
 *
 * @param ordinal its number
 * @param name its product name
 * @param computeCapability 10 times the major number plus the minor: 80 for an A100
 * @param multiprocessors how many it has
 * @param memoryBytes all of its memory
 * @param sharedBytesPerBlock the most shared memory that a block can have, when asked for
 * @param sharedBytesPerMultiprocessor what the blocks of a multiprocessor share
 * @param threadsPerMultiprocessor the most threads that are resident
 */
public record Device(
    int ordinal,
    String name,
    int computeCapability,
    int multiprocessors,
    long memoryBytes,
    int sharedBytesPerBlock,
    int sharedBytesPerMultiprocessor,
    int threadsPerMultiprocessor) {
  /**
   * The same as if it had another number of multiprocessors, for those who divide work by it.
   *
   * @param number at least 1
   * @return a device of that many
   */
  public Device withMultiprocessors(int number) {
    return new Device(
        ordinal,
        name,
        computeCapability,
        number,
        memoryBytes,
        sharedBytesPerBlock,
        sharedBytesPerMultiprocessor,
        threadsPerMultiprocessor);
  }

  /**
   * Whether another device computes the same bits by the same kernels with the same division of
   * work.
   *
   * @param other any
   * @return whether they differ in nothing but their number and memory
   */
  public boolean isLike(Device other) {
    return name.equals(other.name)
        && computeCapability == other.computeCapability
        && multiprocessors == other.multiprocessors
        && sharedBytesPerBlock == other.sharedBytesPerBlock
        && sharedBytesPerMultiprocessor == other.sharedBytesPerMultiprocessor
        && threadsPerMultiprocessor == other.threadsPerMultiprocessor;
  }

  /** One line for people. */
  @Override
  public String toString() {
    return String.format(
        "%s, sm_%d, %d multiprocessors, %.1f GiB",
        name, computeCapability, multiprocessors, memoryBytes / 0x1p30);
  }
}
