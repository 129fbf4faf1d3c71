package io.resfuse.engine.cuda.program;

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
  private int first = Integer.MAX_VALUE;
  private int last = -1;
  private ArenaPlanner.@Nullable Block block;

  private Buffer(Kind kind, long bytes, long offset) {
    this.kind = kind;
    this.bytes = bytes;
    this.offset = offset;
  }

  /** A buffer at a fixed place of a region. */
  public static Buffer at(Kind kind, long offset, long bytes) {
    return new Buffer(kind, bytes, offset);
  }

  /** A buffer whose place follows from its lifetime. */
  static Buffer withLifetime(Kind kind, long bytes) {
    return new Buffer(kind, bytes, -1);
  }

  public Kind kind() {
    return kind;
  }

  public long bytes() {
    return bytes;
  }

  /** Says that a step uses it. */
  void use(int time) {
    first = Math.min(first, time);
    last = Math.max(last, time);
  }

  /** Asks for a place, if it is used at all. */
  void place(ArenaPlanner planner) {
    if (last >= 0) {
      block = planner.add(bytes, first, last);
    }
  }

  /** Where it begins in the memory of its kind. */
  public long offset() {
    if (offset >= 0) {
      return offset;
    }
    ArenaPlanner.Block placed = block;
    if (placed == null) {
      throw new IllegalStateException("a buffer that no step has announced is used");
    }
    return placed.offset();
  }
}
