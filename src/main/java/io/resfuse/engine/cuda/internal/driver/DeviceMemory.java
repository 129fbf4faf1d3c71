package io.resfuse.engine.cuda.internal.driver;

import static jcuda.driver.JCudaDriver.cuMemAlloc;
import static jcuda.driver.JCudaDriver.cuMemFree;
import static jcuda.driver.JCudaDriver.cuMemcpyDtoH;
import static jcuda.driver.JCudaDriver.cuMemcpyHtoD;
import static jcuda.driver.JCudaDriver.cuMemsetD8;
import static jcuda.driver.JCudaDriver.cuStreamSynchronize;

import io.resfuse.engine.EngineException;
import java.nio.ByteBuffer;
import jcuda.Pointer;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUresult;

/** A block of a device's memory. Its methods are synchronous; for others see {@link Stream}. */
public final class DeviceMemory implements AutoCloseable {
  private final Context context;
  private final long bytes;
  private final Address base = new Address();
  private boolean closed;

  /** JCuda keeps addresses to itself; a subclass may look. */
  private static final class Address extends CUdeviceptr {
    long value() {
      return getNativePointer() + getByteOffset();
    }
  }

  /**
   * Allocates, zeroed or not as the device has it.
   *
   * @param context where
   * @param bytes how much; 0 allocates nothing
   * @param purpose who needs it, as the beginning of a sentence: {@code a plan of resnet50 for 32
   *     images needs 812 MiB}
   * @throws EngineException if memory is short: the purpose and what is free
   */
  public DeviceMemory(Context context, long bytes, String purpose) {
    this.context = context;
    this.bytes = bytes;
    if (bytes == 0) {
      closed = true;
      return;
    }
    context.use();
    int result = cuMemAlloc(base, bytes);
    if (result == CUresult.CUDA_ERROR_OUT_OF_MEMORY) {
      long free = context.freeBytes();
      throw new EngineException(
          String.format(
              "%s; asked for %.1f MiB at once, but of the %.1f MiB of %s %.1f MiB are free%s",
              purpose,
              bytes / 0x1p20,
              context.device().memoryBytes() / 0x1p20,
              context.device().name(),
              free / 0x1p20,
              bytes > free
                  ? "; use a smaller batch or image, or close other plans"
                  : ", which it refused all the same: not in one piece, or this process's address"
                      + " space is limited (ulimit -v)"));
    }
    context.check(result, "allocating " + bytes + " bytes");
    context.acquired();
  }

  /**
   * Where it begins.
   *
   * @return an address of the device, a multiple of 256; 0 if it is empty
   */
  public long address() {
    return bytes == 0 ? 0 : base.value();
  }

  /**
   * Where it lies.
   *
   * @return the context that allocated it
   */
  public Context context() {
    return context;
  }

  /**
   * Its size.
   *
   * @return bytes
   */
  public long bytes() {
    return bytes;
  }

  /** The driver's pointer to an offset, for a range that must lie inside. */
  CUdeviceptr pointer(long offset, long length) {
    if (offset < 0 || length < 0 || offset + length > bytes) {
      throw new IndexOutOfBoundsException(
          "bytes " + offset + " to " + (offset + length) + " of " + bytes);
    }
    return base.withByteOffset(offset);
  }

  /**
   * Fills it with a byte.
   *
   * @param value 0, or something that shows in tests
   */
  public void fill(int value) {
    if (bytes > 0) {
      context.use();
      context.check(cuMemsetD8(base, (byte) value, bytes), "filling memory");
      // The call returns before the fill is done, and our streams do not wait for the default one.
      context.check(cuStreamSynchronize(null), "filling memory");
    }
  }

  /**
   * Copies from the host.
   *
   * @param offset where it goes, in bytes
   * @param source from its position to its limit, which stay as they are; on an array JCuda would
   *     stop the garbage collector meanwhile, so one that is not direct is copied first
   */
  public void write(long offset, ByteBuffer source) {
    if (source.hasRemaining()) {
      ByteBuffer direct =
          source.isDirect()
              ? source.slice()
              : ByteBuffer.allocateDirect(source.remaining()).put(source.duplicate()).flip();
      context.use();
      context.check(
          cuMemcpyHtoD(
              pointer(offset, source.remaining()), Pointer.toBuffer(direct), source.remaining()),
          "copying to the device");
    }
  }

  /**
   * Copies to the host.
   *
   * @param offset from where, in bytes
   * @param target filled from its position to its limit, which stay as they are; better direct, as
   *     above
   */
  public void read(long offset, ByteBuffer target) {
    if (target.hasRemaining()) {
      ByteBuffer direct =
          target.isDirect() ? target.slice() : ByteBuffer.allocateDirect(target.remaining());
      context.use();
      context.check(
          cuMemcpyDtoH(
              Pointer.toBuffer(direct), pointer(offset, target.remaining()), target.remaining()),
          "copying from the device");
      if (!target.isDirect()) {
        target.duplicate().put(direct);
      }
    }
  }

  /** Frees it. Idempotent. */
  @Override
  public void close() {
    if (!closed) {
      closed = true;
      context.use();
      context.released(cuMemFree(base), "freeing memory");
    }
  }
}
