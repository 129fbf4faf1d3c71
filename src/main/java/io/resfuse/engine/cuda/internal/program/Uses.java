package io.resfuse.engine.cuda.internal.program;

import java.util.Collections;
import java.util.LinkedHashSet;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Notes which buffers a step asks for; there are no addresses yet. Not thread-safe. */
final class Uses implements Addresses {
  /** In the place of addresses: a buffer is not none. */
  private static final long SOMEWHERE = 1;

  private final int time;
  private final Set<Buffer> buffers = new LinkedHashSet<>();

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

  /** All that were asked for, each once, in the order of asking. */
  Set<Buffer> buffers() {
    return Collections.unmodifiableSet(buffers);
  }
}
