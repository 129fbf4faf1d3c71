package io.resfuse.engine.cuda.internal.driver;

import static jcuda.driver.JCudaDriver.cuMemHostRegister;
import static jcuda.driver.JCudaDriver.cuMemHostUnregister;

import io.resfuse.engine.EngineException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import jcuda.Pointer;

/**
 * A block of the host's memory that the device copies from and to by itself. It is a direct buffer
 * that is registered with the driver: after {@link #close} it is no longer pinned, but a caller who
 * still holds a view touches memory that exists.
 */
public final class PinnedMemory implements AutoCloseable {
  private final Context context;
  private final ByteBuffer buffer;
  private final Pointer pointer;
  private boolean closed;

  /**
   * Allocates zeros.
   *
   * @param context who will copy
   * @param bytes at least 1
   * @param purpose who needs it, as the beginning of a sentence
   * @throws EngineException if memory is short, or none can be pinned
   */
  public PinnedMemory(Context context, long bytes, String purpose) {
    this.context = context;
    if (bytes > Integer.MAX_VALUE) {
      throw new EngineException(
          purpose + "; a single host buffer would have " + bytes + " bytes; use a smaller batch");
    }
    try {
      this.buffer = ByteBuffer.allocateDirect((int) bytes).order(ByteOrder.nativeOrder());
    } catch (OutOfMemoryError e) {
      throw new EngineException(
          purpose
              + "; a host buffer of "
              + bytes
              + " bytes does not fit the JVM's direct memory; raise -XX:MaxDirectMemorySize",
          e);
    }
    this.pointer = Pointer.toBuffer(buffer);
    context.use();
    context.check(cuMemHostRegister(pointer, bytes, 0), "pinning " + bytes + " bytes of memory");
    context.acquired();
  }

  /**
   * Its size.
   *
   * @return bytes
   */
  public int bytes() {
    return buffer.capacity();
  }

  /**
   * All of it.
   *
   * @return a view in native byte order
   */
  public ByteBuffer view() {
    return buffer.duplicate().order(ByteOrder.nativeOrder());
  }

  /**
   * All of it as floats.
   *
   * @return a view
   */
  public FloatBuffer floats() {
    return buffer.asFloatBuffer();
  }

  Pointer pointer() {
    return pointer;
  }

  /** Unpins it; views stay valid. Idempotent. */
  @Override
  public void close() {
    if (!closed) {
      closed = true;
      context.use();
      context.released(cuMemHostUnregister(pointer), "unpinning memory");
    }
  }
}
