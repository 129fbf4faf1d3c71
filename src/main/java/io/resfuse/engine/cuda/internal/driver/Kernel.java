package io.resfuse.engine.cuda.internal.driver;

import static jcuda.driver.JCudaDriver.cuFuncGetAttribute;
import static jcuda.driver.JCudaDriver.cuFuncSetAttribute;
import static jcuda.driver.JCudaDriver.cuOccupancyMaxActiveBlocksPerMultiprocessor;

import io.resfuse.engine.EngineException;
import jcuda.driver.CUfunction;
import jcuda.driver.CUfunction_attribute;

/**
 * A kernel of a loaded module, and the struct that it takes. Thread-safe.
 *
 * @param <P> the record that mirrors the struct
 */
public final class Kernel<P extends Record> {
  /** What every block may have of shared memory without being asked for. */
  private static final int USUAL_SHARED_BYTES = 48 * 1024;

  private final Context context;
  private final CUfunction handle;
  private final String name;
  private final StructLayout layout;
  private final int maxThreads;
  private final int staticSharedBytes;
  private int allowedShared;
  private volatile boolean hasRun;

  Kernel(
      Context context, CUfunction handle, String name, StructLayout layout, int compiledThreads) {
    this.context = context;
    this.handle = handle;
    this.name = name;
    this.layout = layout;
    int possible = attribute(CUfunction_attribute.CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK);
    this.maxThreads = compiledThreads == 0 ? possible : Math.min(possible, compiledThreads);
    this.staticSharedBytes = attribute(CUfunction_attribute.CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES);
    this.allowedShared = USUAL_SHARED_BYTES - staticSharedBytes;
  }

  /**
   * The same kernel for those who have lost its type.
   *
   * @param <Q> the record that mirrors the struct
   * @param parameters its class
   * @return this
   * @throws IllegalArgumentException if it mirrors another struct
   */
  @SuppressWarnings("unchecked") // just checked
  public <Q extends Record> Kernel<Q> of(Class<Q> parameters) {
    if (layout != StructLayout.of(parameters)) {
      throw new IllegalArgumentException(name + " does not take a " + parameters.getSimpleName());
    }
    return (Kernel<Q>) this;
  }

  /**
   * Its name.
   *
   * @return as in the PTX
   */
  public String name() {
    return name;
  }

  /**
   * Whether it was ever launched, by itself or in a graph.
   *
   * @return false for a kernel that is only loaded, or part of a graph that was never started
   */
  public boolean hasRun() {
    return hasRun;
  }

  /** Notes that it has been launched. */
  public void noteRun() {
    hasRun = true;
  }

  /**
   * Registers per thread.
   *
   * @return as the driver's compiler chose
   */
  public int registers() {
    return attribute(CUfunction_attribute.CU_FUNC_ATTRIBUTE_NUM_REGS);
  }

  /**
   * Local memory per thread, which spilled registers need.
   *
   * @return bytes
   */
  public int localBytes() {
    return attribute(CUfunction_attribute.CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES);
  }

  /**
   * Shared memory that it has by itself.
   *
   * @return bytes per block, without what a launch adds
   */
  public int staticSharedBytes() {
    return staticSharedBytes;
  }

  /**
   * How many blocks a multiprocessor runs at once.
   *
   * @param threads per block
   * @param sharedBytes that a launch adds
   * @return at least 0
   */
  public int residentBlocks(int threads, int sharedBytes) {
    allowShared(sharedBytes);
    int[] blocks = new int[1];
    context.use();
    context.check(
        cuOccupancyMaxActiveBlocksPerMultiprocessor(blocks, handle, threads, sharedBytes),
        "asking for the occupancy of " + name);
    return blocks[0];
  }

  private int attribute(int which) {
    int[] value = new int[1];
    context.use();
    context.check(cuFuncGetAttribute(value, which, handle), "asking about kernel " + name);
    return value[0];
  }

  /**
   * Makes a launch of it, after checking what the driver would refuse.
   *
   * @param label what it does for whom, for messages
   * @param parameters the struct
   * @param geometry grid, block, shared memory
   * @return a launch, to be issued any number of times
   * @throws EngineException if the kernel or the device cannot do it: which limit, what was asked
   */
  public Launch launch(String label, P parameters, Geometry geometry) {
    if (!geometry.hasPossibleGrid()) {
      throw refusal(label, geometry, "grids of 1 to 2147483647 x 65535 x 65535 blocks");
    }
    if (geometry.blockX() < 1 || geometry.blockY() < 1 || geometry.threads() > maxThreads) {
      throw refusal(label, geometry, "1 to " + maxThreads + " threads");
    }
    int largest = context.device().sharedBytesPerBlock() - staticSharedBytes;
    if (geometry.sharedBytes() < 0 || geometry.sharedBytes() > largest) {
      throw refusal(label, geometry, "0 to " + largest + " bytes of shared memory");
    }
    allowShared(geometry.sharedBytes());
    return new Launch(this, label, parameters, geometry);
  }

  private EngineException refusal(String label, Geometry asked, String possible) {
    return new EngineException(
        label
            + ": kernel "
            + name
            + " on "
            + context.device().name()
            + " takes "
            + possible
            + ", not "
            + asked);
  }

  /**
   * The most threads per block.
   *
   * @return as it was compiled
   */
  public int maxThreads() {
    return maxThreads;
  }

  private synchronized void allowShared(int bytes) {
    if (bytes > allowedShared) {
      context.use();
      context.check(
          cuFuncSetAttribute(
              handle, CUfunction_attribute.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, bytes),
          "giving kernel " + name + " " + bytes + " bytes of shared memory");
      allowedShared = bytes;
    }
  }

  Context context() {
    return context;
  }

  CUfunction handle() {
    return handle;
  }

  StructLayout layout() {
    return layout;
  }
}
