package io.resfuse.engine.cuda.internal.program;

import io.resfuse.engine.cuda.internal.driver.Context;
import io.resfuse.engine.cuda.internal.driver.PinnedMemory;
import org.jspecify.annotations.Nullable;

/** A buffer of the host that a program copies from or to; pinned once the plan is made. */
public final class HostBuffer implements AutoCloseable {
  private final long bytes;
  private @Nullable PinnedMemory memory;

  HostBuffer(long bytes) {
    this.bytes = bytes;
  }

  public long bytes() {
    return bytes;
  }

  void allocate(Context context, String purpose) {
    memory = new PinnedMemory(context, bytes, purpose);
  }

  public PinnedMemory memory() {
    PinnedMemory present = memory;
    if (present == null) {
      throw new IllegalStateException("not allocated");
    }
    return present;
  }

  @Override
  public void close() {
    PinnedMemory present = memory;
    if (present != null) {
      present.close();
    }
  }
}
