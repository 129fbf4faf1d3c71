package io.resfuse.engine.cuda.internal.program;

import io.resfuse.engine.spi.ArenaPlanner;
import java.util.ArrayList;
import java.util.List;

/**
 * The time in which steps follow each other, and the buffers that live in it. Programs that run one
 * after the other and share values, as forward and backward passes do, have one timeline. Not
 * thread-safe.
 */
public final class Timeline {
  private final boolean guarded;
  private final List<Buffer> buffers = new ArrayList<>();
  private int now;
  private long activations = -1;
  private long workspace;
  private long unshared;

  public Timeline() {
    this(false);
  }

  /**
   * Without steps.
   *
   * @param guarded whether each buffer has a place of its own, and memory behind it that is none's
   */
  public Timeline(boolean guarded) {
    this.guarded = guarded;
  }

  List<Buffer> buffers() {
    return buffers;
  }

  public Buffer activation(long bytes) {
    return add(Buffer.Kind.ACTIVATIONS, bytes);
  }

  public Buffer workspace(long bytes) {
    return add(Buffer.Kind.WORKSPACE, bytes);
  }

  private Buffer add(Buffer.Kind kind, long bytes) {
    Buffer buffer = Buffer.withLifetime(kind, bytes);
    buffers.add(buffer);
    return buffer;
  }

  /** The next step's time. */
  int tick() {
    return now++;
  }

  /** Gives all buffers their places. */
  public void plan() {
    plan(this);
  }

  /** The same for timelines of the same memory, which run at different times. */
  public static void plan(Timeline... timelines) {
    ArenaPlanner values = new ArenaPlanner();
    ArenaPlanner scratch = new ArenaPlanner();
    for (Timeline timeline : timelines) {
      if (!timeline.guarded) {
        values = new ArenaPlanner();
        scratch = new ArenaPlanner();
      }
      timeline.place(values, scratch);
    }
  }

  private void place(ArenaPlanner values, ArenaPlanner scratch) {
    for (Buffer buffer : buffers) {
      ArenaPlanner planner = buffer.kind() == Buffer.Kind.ACTIVATIONS ? values : scratch;
      if (guarded) {
        buffer.placeApart(planner, Guards.BYTES);
      } else {
        buffer.place(planner);
      }
    }
    activations = values.plan();
    workspace = scratch.plan();
    unshared = values.unshared();
  }

  public long activationBytes() {
    if (activations < 0) {
      throw new IllegalStateException("not planned");
    }
    return activations;
  }

  public long workspaceBytes() {
    return workspace;
  }

  public long unsharedBytes() {
    return unshared;
  }
}
