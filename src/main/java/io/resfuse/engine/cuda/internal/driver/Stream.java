package io.resfuse.engine.cuda.internal.driver;

import static jcuda.driver.JCudaDriver.cuEventCreate;
import static jcuda.driver.JCudaDriver.cuEventDestroy;
import static jcuda.driver.JCudaDriver.cuEventElapsedTime;
import static jcuda.driver.JCudaDriver.cuEventRecord;
import static jcuda.driver.JCudaDriver.cuMemcpyDtoDAsync;
import static jcuda.driver.JCudaDriver.cuMemcpyDtoHAsync;
import static jcuda.driver.JCudaDriver.cuMemcpyHtoDAsync;
import static jcuda.driver.JCudaDriver.cuMemcpyPeerAsync;
import static jcuda.driver.JCudaDriver.cuMemsetD8Async;
import static jcuda.driver.JCudaDriver.cuStreamBeginCapture;
import static jcuda.driver.JCudaDriver.cuStreamCreate;
import static jcuda.driver.JCudaDriver.cuStreamDestroy;
import static jcuda.driver.JCudaDriver.cuStreamEndCapture;
import static jcuda.driver.JCudaDriver.cuStreamSynchronize;

import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUevent;
import jcuda.driver.CUevent_flags;
import jcuda.driver.CUgraph;
import jcuda.driver.CUstream;
import jcuda.driver.CUstreamCaptureMode;
import jcuda.driver.CUstream_flags;
import jcuda.runtime.cudaStream_t;

/** Work of a device in order. Not thread-safe. Nothing that it does allocates. */
public final class Stream implements AutoCloseable {
  private final Context context;
  private final CUstream handle = new CUstream();
  private boolean capturing;
  private boolean closed;

  /**
   * Creates a stream that waits for no other.
   *
   * @param context where
   */
  public Stream(Context context) {
    this.context = context;
    context.use();
    context.check(
        cuStreamCreate(handle, CUstream_flags.CU_STREAM_NON_BLOCKING), "creating a stream");
    context.acquired();
  }

  /**
   * Starts a kernel.
   *
   * @param launch of a kernel of the same context
   */
  public void launch(Launch launch) {
    context.use();
    int result = launch.start(this);
    if (result != 0) {
      context.check(result, "launching " + launch);
    }
    if (!capturing) {
      launch.kernel().noteRun();
    }
  }

  /**
   * Copies all of a pinned block to the device.
   *
   * @param source must not change until the copy is done
   * @param target at least as large from the offset on
   * @param offset in bytes
   */
  public void copyToDevice(PinnedMemory source, DeviceMemory target, long offset) {
    context.use();
    context.check(
        cuMemcpyHtoDAsync(
            target.pointer(offset, source.bytes()), source.pointer(), source.bytes(), handle),
        "copying to the device");
  }

  /**
   * Fills all of a pinned block from the device.
   *
   * @param source at least as large from the offset on
   * @param offset in bytes
   * @param target must not be read until the copy is done
   */
  public void copyToHost(DeviceMemory source, long offset, PinnedMemory target) {
    context.use();
    context.check(
        cuMemcpyDtoHAsync(
            target.pointer(), source.pointer(offset, target.bytes()), target.bytes(), handle),
        "copying from the device");
  }

  /**
   * Copies from one place of the device to another.
   *
   * @param source all of it is copied
   * @param target at least as large
   */
  public void copy(DeviceMemory source, DeviceMemory target) {
    context.use();
    context.check(
        cuMemcpyDtoDAsync(
            target.pointer(0, source.bytes()),
            source.pointer(0, source.bytes()),
            source.bytes(),
            handle),
        "copying on the device");
  }

  /**
   * Copies a part of a block to a part of another one, which may be on another device.
   *
   * @param source of any context
   * @param sourceOffset in bytes
   * @param target of any context
   * @param targetOffset in bytes
   * @param bytes how many
   */
  public void copy(
      DeviceMemory source, long sourceOffset, DeviceMemory target, long targetOffset, long bytes) {
    context.use();
    CUdeviceptr to = target.pointer(targetOffset, bytes);
    CUdeviceptr from = source.pointer(sourceOffset, bytes);
    context.check(
        source.context() == target.context()
            ? cuMemcpyDtoDAsync(to, from, bytes, handle)
            : cuMemcpyPeerAsync(
                to, target.context().handle(), from, source.context().handle(), bytes, handle),
        "copying between devices");
  }

  /**
   * Fills memory with zeros.
   *
   * @param target what
   * @param offset from where, in bytes
   * @param bytes how much
   */
  public void zero(DeviceMemory target, long offset, long bytes) {
    context.use();
    context.check(
        cuMemsetD8Async(target.pointer(offset, bytes), (byte) 0, bytes, handle),
        "filling memory with zeros");
  }

  /**
   * Records what is done to this stream instead of doing it.
   *
   * @param work what to record
   * @return a graph that does it
   */
  public Graph capture(Runnable work) {
    context.use();
    context.check(
        cuStreamBeginCapture(handle, CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL),
        "beginning to capture a graph");
    CUgraph graph = new CUgraph();
    boolean done = false;
    try {
      capturing = true;
      work.run();
      done = true;
    } finally {
      capturing = false;
      int result = cuStreamEndCapture(handle, graph);
      if (done) {
        context.check(result, "capturing a graph");
      }
    }
    return new Graph(context, graph);
  }

  /**
   * Starts a graph.
   *
   * @param graph of the same context
   */
  public void launch(Graph graph) {
    context.use();
    context.check(graph.start(this), "launching a graph");
  }

  /**
   * Runs a graph and waits until it is done.
   *
   * @param graph of the same context
   * @return how long it took on the device, by events
   */
  public float milliseconds(Graph graph) {
    String doing = "timing a graph";
    context.use();
    CUevent[] events = {new CUevent(), new CUevent()};
    int made = 0;
    try {
      for (CUevent event : events) {
        context.check(cuEventCreate(event, CUevent_flags.CU_EVENT_DEFAULT), doing);
        made++;
      }
      context.check(cuEventRecord(events[0], handle), doing);
      launch(graph);
      context.check(cuEventRecord(events[1], handle), doing);
      synchronize(doing);
      float[] milliseconds = new float[1];
      context.check(cuEventElapsedTime(milliseconds, events[0], events[1]), doing);
      return milliseconds[0];
    } finally {
      for (int i = 0; i < made; i++) {
        cuEventDestroy(events[i]);
      }
    }
  }

  /**
   * Waits until all is done.
   *
   * @param doing what was done, for messages, as in {@code while running resnet50}
   */
  public void synchronize(String doing) {
    context.use();
    context.check(cuStreamSynchronize(handle), doing);
  }

  /**
   * Gives a library the stream to put work into. Its context is the calling thread's then.
   *
   * @return the stream, as CUDA's runtime and the libraries above it know it
   */
  public cudaStream_t enter() {
    context.use();
    return new cudaStream_t(handle);
  }

  CUstream handle() {
    return handle;
  }

  /** Destroys it; what it was given is finished first. Idempotent. */
  @Override
  public void close() {
    if (!closed) {
      closed = true;
      context.use();
      context.released(cuStreamDestroy(handle), "destroying a stream");
    }
  }
}
