package io.resfuse.engine.cuda.internal.program;

import io.resfuse.engine.spi.ArenaBuffer;
import io.resfuse.engine.spi.ArenaPlanner;
import org.jspecify.annotations.Nullable;

/**
 * A piece of the device's memory that has no address yet. Those of a {@link Timeline} live from the
 * first to the last step that uses them and share memory with others; those of a {@link Region}
 * live as long as it. Not thread-safe.
 */
public final class Buffer {
  /** What memory it is part of. */
  public enum Kind {
    /** Activations and their gradients, by lifetime. */
    ACTIVATIONS,
    /** Scratch memory of steps, by lifetime. */
    WORKSPACE,
    /** What a plan keeps: parameters, their gradients, statistics. */
    PLAN,
    /** The weights that all inference plans of a network share. */
    NETWORK
  }

  private final Kind kind;
  private final long bytes;
  private final long offset;
  private final @Nullable ArenaBuffer inArena;

  private Buffer(Kind kind, long bytes, long offset, @Nullable ArenaBuffer inArena) {
    this.kind = kind;
    this.bytes = bytes;
    this.offset = offset;
    this.inArena = inArena;
  }

  /** A buffer at a fixed place of a region. */
  public static Buffer at(Kind kind, long offset, long bytes) {
    return new Buffer(kind, bytes, offset, null);
  }

  /** A buffer whose place follows from its lifetime. */
  static Buffer withLifetime(Kind kind, long bytes) {
    return new Buffer(kind, bytes, -1, new ArenaBuffer(bytes));
  }

  public Kind kind() {
    return kind;
  }

  public long bytes() {
    return bytes;
  }

  /** Says that a step uses it. */
  void use(int time) {
    if (inArena != null) {
      inArena.use(time);
    }
  }

  /** Asks for a place, if it has a lifetime and is used at all. */
  void place(ArenaPlanner planner) {
    if (inArena != null) {
      inArena.place(planner);
    }
  }

  /** Asks for a place of its own with bytes behind it that are no buffer's. */
  void placeApart(ArenaPlanner planner, long behind) {
    if (inArena != null) {
      inArena.placeApart(planner, behind);
    }
  }

  /** Whether it has a place, or will have one. */
  boolean isUsed() {
    return inArena == null || inArena.isUsed();
  }

  /** Where it begins in the memory of its kind. */
  public long offset() {
    return inArena == null ? offset : inArena.offset();
  }
}
