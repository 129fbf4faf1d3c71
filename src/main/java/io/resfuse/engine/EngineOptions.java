package io.resfuse.engine;

/**
 * How an engine is opened.
 *
 * @param threads CPU threads, 0 for as many as this process has CPUs: those it may run on, and on
 *     Linux no more than the quota of its control group, rounded up
 * @param device which device, empty for the first that fits ({@code softcuda}, {@code 0}, ...);
 *     engine cuda takes several, too ({@code 0,1}, {@code all}, {@code softcuda:0,1}, {@code
 *     softcuda:all})
 * @param autotune whether an engine that chooses between kernels may time them, when a plan is made
 *     for sizes that it does not know yet, and remember the fastest
 * @param convolutions how engine onednn computes convolutions by 3x3; others do not ask
 * @param batchInvariant whether inference plans compute the same bits for an image whatever batch
 *     it is in, which takes longer: whatever decides on the order of sums is chosen without regard
 *     to the batch. Engines that cannot do that refuse to open
 * @param maxMemory bytes of the device's memory, of all devices together, that the engine's
 *     networks and plans may take, without what a device's driver and its kernels need; 0 for all
 *     there is. An inference plan whose batch does not fit runs parts of it one after the other;
 *     one that does not fit with a single image, and a training plan, is refused. The host's
 *     buffers, through which callers write inputs and read outputs, do not count
 */
public record EngineOptions(
    int threads,
    String device,
    boolean autotune,
    ConvolutionAlgorithm convolutions,
    boolean batchInvariant,
    long maxMemory) {
  /** More than any machine has cores; native libraries end the process where they get no thread. */
  private static final int MOST_THREADS = 1024;

  /**
   * Checks the range.
   *
   * @param threads as in the record
   * @param device as in the record
   * @param autotune as in the record
   * @param convolutions as in the record
   * @param batchInvariant as in the record
   * @param maxMemory as in the record
   */
  public EngineOptions {
    if (maxMemory < 0) {
      throw new IllegalArgumentException(
          "the most memory must be 0 (all there is) or more bytes, got " + maxMemory);
    }
    if (threads < 0 || threads > MOST_THREADS) {
      throw new IllegalArgumentException(
          "threads must be 0 (all cores) to " + MOST_THREADS + ", got " + threads);
    }
  }

  /**
   * With autotuning.
   *
   * @param threads as in the record
   * @param device as in the record
   */
  public EngineOptions(int threads, String device) {
    this(threads, device, true, ConvolutionAlgorithm.AUTO, false, 0);
  }

  /**
   * The same with another way to compute convolutions.
   *
   * @param algorithm as in the record
   * @return new options
   */
  public EngineOptions withConvolutions(ConvolutionAlgorithm algorithm) {
    return new EngineOptions(threads, device, autotune, algorithm, batchInvariant, maxMemory);
  }

  /**
   * The same with another batch invariance.
   *
   * @param invariant as in the record
   * @return new options
   */
  public EngineOptions withBatchInvariant(boolean invariant) {
    return new EngineOptions(threads, device, autotune, convolutions, invariant, maxMemory);
  }

  /**
   * The same with another cap on memory.
   *
   * @param bytes as in the record
   * @return new options
   */
  public EngineOptions withMaxMemory(long bytes) {
    return new EngineOptions(threads, device, autotune, convolutions, batchInvariant, bytes);
  }

  /**
   * All cores, the first device.
   *
   * @return the defaults
   */
  public static EngineOptions defaults() {
    return new EngineOptions(0, "");
  }

  /**
   * The number of CPU threads to use.
   *
   * @return at least 1
   */
  public int effectiveThreads() {
    return threads > 0 ? threads : Runtime.getRuntime().availableProcessors();
  }
}
