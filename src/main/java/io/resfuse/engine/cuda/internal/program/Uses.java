package io.resfuse.engine.cuda.internal.program;

import java.util.HashSet;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Notes which buffers a step asks for; there are no addresses yet. Not thread-safe. */
final class Uses implements Addresses {
  /** In the place of addresses: a buffer is not none. */
  private static final long SOMEWHERE = 1;

  private final int time;
  private final Set<Buffer> buffers = new HashSet<>();

  /**
   * Notes nothing yet.
   *
   * @param time of the step
   */
  Uses(int time) {
    this.time = time;
  }

  @Override
  public long of(@Nullable Buffer buffer) {
    if (buffer == null) {
      return 0;
    }
    buffer.use(time);
    buffers.add(buffer);
    return SOMEWHERE;
  }

  @Override
  public boolean accumulate() {
    return false;
  }

  /** The size of all buffers that were asked for, each once. */
  long bytes() {
    return buffers.stream().mapToLong(Buffer::bytes).sum();
  }
}
