package io.resfuse.engine.cuda.internal.driver;

import static jcuda.driver.JCudaDriver.cuCtxCreate;
import static jcuda.driver.JCudaDriver.cuCtxDestroy;
import static jcuda.driver.JCudaDriver.cuCtxEnablePeerAccess;
import static jcuda.driver.JCudaDriver.cuCtxGetCurrent;
import static jcuda.driver.JCudaDriver.cuCtxSetCurrent;
import static jcuda.driver.JCudaDriver.cuCtxSynchronize;
import static jcuda.driver.JCudaDriver.cuDeviceCanAccessPeer;
import static jcuda.driver.JCudaDriver.cuDeviceGet;
import static jcuda.driver.JCudaDriver.cuMemGetInfo;
import static jcuda.driver.JCudaDriver.cuProfilerStart;
import static jcuda.driver.JCudaDriver.cuProfilerStop;

import io.resfuse.engine.EngineException;
import java.util.concurrent.atomic.AtomicLong;
import jcuda.driver.CUcontext;
import jcuda.driver.CUctx_flags;
import jcuda.driver.CUdevice;
import jcuda.driver.CUresult;
import org.jspecify.annotations.Nullable;

/**
 * A context of its own on a device: a fault in it spoils nobody else's. Thread-safe. Methods of
 * this package make their context current on the calling thread and leave it so.
 */
public final class Context implements AutoCloseable {
  private static final AtomicLong LIVE = new AtomicLong();

  private final Device device;
  private final CUcontext handle = new CUcontext();
  private volatile @Nullable String fault;
  private volatile boolean closed;

  /**
   * Creates a context.
   *
   * @param device on which device
   * @throws EngineException if the driver refuses
   */
  public Context(Device device) {
    this.device = device;
    CUdevice ordinal = new CUdevice();
    String doing = "creating a context on " + device.name();
    Driver.check(cuDeviceGet(ordinal, device.ordinal()), doing);
    Driver.check(cuCtxCreate(handle, CUctx_flags.CU_CTX_SCHED_AUTO, ordinal), doing);
    LIVE.incrementAndGet();
  }

  /**
   * How many objects of the driver this process holds: contexts, memory, streams, graphs, modules.
   *
   * @return for tests: the same before and after
   */
  public static long liveObjects() {
    return LIVE.get();
  }

  /**
   * The device.
   *
   * @return as it was given
   */
  public Device device() {
    return device;
  }

  /**
   * Memory that can be had now.
   *
   * @return bytes
   */
  public long freeBytes() {
    use();
    long[] free = new long[1];
    long[] total = new long[1];
    check(cuMemGetInfo(free, total), "asking for free memory");
    return free[0];
  }

  /** Waits for everything that was started in this context. */
  public void synchronize() {
    use();
    check(cuCtxSynchronize(), "waiting for the device");
  }

  /**
   * Runs work, and waits for it, while a profiler that was told to wait for it looks on. Without a
   * profiler the work runs all the same.
   *
   * @param work to be started in this context
   */
  public void profiled(Runnable work) {
    synchronize();
    cuProfilerStart();
    try {
      work.run();
      synchronize();
    } finally {
      cuProfilerStop();
    }
  }

  /**
   * Makes it the calling thread's for the length of some work, and then what was before.
   *
   * @param work calls the driver
   */
  public void during(Runnable work) {
    CUcontext before = new CUcontext();
    check(cuCtxGetCurrent(before), "asking for the thread's context");
    use();
    try {
      work.run();
    } finally {
      cuCtxSetCurrent(before);
    }
  }

  /**
   * Lets kernels and copies of this context access the memory of another one, where the devices
   * can: copies between the two then take the direct way. Without it they go through the host.
   *
   * @param other of another device; nothing is done for one of the same
   */
  public void enablePeerAccess(Context other) {
    if (other.device.ordinal() == device.ordinal()) {
      return;
    }
    String doing =
        "opening the memory of device " + other.device.ordinal() + " to device " + device.ordinal();
    use();
    int[] can = new int[1];
    check(cuDeviceCanAccessPeer(can, handleOf(device), handleOf(other.device)), doing);
    if (can[0] != 0) {
      int result = cuCtxEnablePeerAccess(other.handle, 0);
      if (result != CUresult.CUDA_ERROR_PEER_ACCESS_ALREADY_ENABLED) {
        check(result, doing);
      }
    }
  }

  private static CUdevice handleOf(Device device) {
    CUdevice found = new CUdevice();
    Driver.check(cuDeviceGet(found, device.ordinal()), "finding device " + device.ordinal());
    return found;
  }

  CUcontext handle() {
    return handle;
  }

  /** Makes it the calling thread's, for libraries that do not know of contexts. */
  public void use() {
    if (closed) {
      throw new IllegalStateException("the CUDA context is closed");
    }
    int result = cuCtxSetCurrent(handle);
    if (result != CUresult.CUDA_SUCCESS) {
      check(result, "entering the context");
    }
  }

  /** Throws what a driver function answered, unless it is success. */
  void check(int result, String doing) {
    if (result == CUresult.CUDA_SUCCESS) {
      return;
    }
    String earlier = fault;
    if (earlier != null) {
      throw new EngineException(
          "CUDA cannot go on after an earlier fault (" + earlier + "); open the engine anew");
    }
    String line = Driver.describe(result, doing);
    if (Driver.isFault(result)) {
      fault = line;
      String report = Driver.lastReport();
      throw new EngineException(
          line
              + "; open the engine anew"
              + (report == null ? "" : "\n  " + report.strip().replace("\n", "\n  ")));
    }
    throw new EngineException(line);
  }

  /** Whether a kernel has failed, so that nothing works any more but closing. */
  public boolean isBroken() {
    return fault != null;
  }

  /** Counts an object that must be released. */
  void acquired() {
    LIVE.incrementAndGet();
  }

  /**
   * Counts a released object.
   *
   * @param result of the driver; what a broken or closed context answers is of no interest
   */
  void released(int result, String doing) {
    LIVE.decrementAndGet();
    if (!isBroken() && !Driver.isFault(result)) {
      Driver.check(result, doing);
    }
  }

  /** Destroys the context, and with it whatever is left in it. Idempotent. */
  @Override
  public synchronized void close() {
    if (!closed) {
      closed = true;
      released(cuCtxDestroy(handle), "destroying a context");
    }
  }
}
