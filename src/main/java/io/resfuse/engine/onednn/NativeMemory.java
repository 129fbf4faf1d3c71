package io.resfuse.engine.onednn;

import io.resfuse.engine.EngineException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.ShortBuffer;
import java.util.concurrent.atomic.AtomicLong;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.Pointer;
import org.jspecify.annotations.Nullable;

/**
 * A block of native memory, zero at first, that begins at a page of its own. Not thread-safe; views
 * of it must not be used after {@link #close}.
 */
final class NativeMemory implements AutoCloseable {
  private static final AtomicLong live = new AtomicLong();
  private static final AtomicLong liveBytes = new AtomicLong();

  /** Where blocks begin: at a huge page if the block can fill one, else at a page. */
  private static final long HUGE_PAGE = 2L << 20;

  private static final long PAGE = 4096;

  private final long bytes;
  private final long address;
  private @Nullable Pointer block;

  /**
   * Allocates.
   *
   * @param bytes at least 0
   * @param what it is for, for the message if there is not enough
   */
  NativeMemory(long bytes, String what) {
    long alignment = bytes >= HUGE_PAGE ? HUGE_PAGE : PAGE;
    long available = Pointer.availablePhysicalBytes();
    if (bytes > available) {
      throw outOfMemory(bytes, available, what);
    }
    Pointer allocated = Pointer.calloc(1, bytes + alignment);
    if (allocated == null || allocated.isNull()) {
      throw outOfMemory(bytes, available, what);
    }
    this.bytes = bytes;
    this.block = allocated;
    this.address = (allocated.address() + alignment - 1) & -alignment;
    if (bytes >= HUGE_PAGE) {
      NativeLibrary.adviseHugePages(address, bytes);
    }
    live.incrementAndGet();
    liveBytes.addAndGet(bytes);
  }

  /** What was refused although there is enough of it is no matter of the batch's size. */
  private static EngineException outOfMemory(long bytes, long available, String what) {
    return new EngineException(
        String.format(
            "onednn: %s needs %.1f MiB, %.1f MiB are available%s",
            what,
            bytes / 1048576.0,
            available / 1048576.0,
            bytes > available
                ? "; use a smaller batch or image"
                : ", but the system refused them; raise this process's limit (ulimit -v)"));
  }

  /**
   * The number of blocks not yet freed in this process, for tests.
   *
   * @return 0 if nothing leaks
   */
  static long liveBlocks() {
    return live.get();
  }

  /**
   * What the blocks not yet freed in this process were asked for, for tests.
   *
   * @return bytes; 0 if nothing leaks
   */
  static long liveBytes() {
    return liveBytes.get();
  }

  long address() {
    return address;
  }

  long bytes() {
    return bytes;
  }

  /** A view of floats that begins at an offset. */
  FloatBuffer floats(long offset, long count) {
    if (offset < 0 || offset + count * Float.BYTES > bytes) {
      throw new IndexOutOfBoundsException(count + " floats at " + offset + " of " + bytes);
    }
    return floatsAt(address + offset, count);
  }

  /** A view of floats anywhere; what is there must outlive it. */
  static FloatBuffer floatsAt(long at, long count) {
    return view(at, count * Float.BYTES).asFloatBuffer();
  }

  /** A view of numbers of 16 bits anywhere; what is there must outlive it. */
  static ShortBuffer shortsAt(long at, long count) {
    return view(at, count * Short.BYTES).asShortBuffer();
  }

  private static ByteBuffer view(long at, long length) {
    if (length > Integer.MAX_VALUE) {
      throw new EngineException(
          "onednn: a host buffer would need "
              + length
              + " bytes and can have at most "
              + Integer.MAX_VALUE
              + "; use a smaller batch");
    }
    try (BytePointer pointer = new BytePointer(new Address(at))) {
      return pointer.capacity(length).asByteBuffer().order(ByteOrder.nativeOrder());
    }
  }

  @Override
  public void close() {
    if (block != null) {
      Pointer.free(block);
      block = null;
      live.decrementAndGet();
      liveBytes.addAndGet(-bytes);
    }
  }

  /** A native address as JavaCPP wants it; owns nothing. */
  static final class Address extends Pointer {
    Address(long address) {
      super((Pointer) null);
      this.address = address;
    }
  }
}
