package io.resfuse.engine.spi;

import org.jspecify.annotations.Nullable;

/**
 * A piece of an arena that lives from the first to the last step that uses it, both included. Steps
 * announce themselves first, in any order; then {@link #place} and {@link ArenaPlanner#plan} give
 * it its place. Not thread-safe.
 */
public final class ArenaBuffer {
  private final long bytes;
  private int first = Integer.MAX_VALUE;
  private int last = -1;
  private ArenaPlanner.@Nullable Block block;

  /**
   * A piece that nothing uses yet.
   *
   * @param bytes its size
   */
  public ArenaBuffer(long bytes) {
    this.bytes = bytes;
  }

  /**
   * Says that a step uses it.
   *
   * @param time of the step, at least 0
   */
  public void use(int time) {
    first = Math.min(first, time);
    last = Math.max(last, time);
  }

  /**
   * Asks for a place, if any step uses it.
   *
   * @param planner of the arena
   */
  public void place(ArenaPlanner planner) {
    if (isUsed()) {
      block = planner.add(bytes, first, last);
    }
  }

  /**
   * Asks for a place that it shares with nothing at any time, and for bytes behind it that are no
   * buffer's, if any step uses it.
   *
   * @param planner of the arena
   * @param behind how many bytes
   */
  public void placeApart(ArenaPlanner planner, long behind) {
    if (isUsed()) {
      block = planner.add(bytes + behind, 0, Integer.MAX_VALUE);
    }
  }

  /**
   * Whether any step uses it.
   *
   * @return whether one has said so
   */
  public boolean isUsed() {
    return last >= 0;
  }

  /**
   * Where it begins.
   *
   * @return bytes from the arena's beginning
   * @throws IllegalStateException if it was not planned, or no step has said that it uses it
   */
  public long offset() {
    ArenaPlanner.Block placed = block;
    if (placed == null) {
      throw new IllegalStateException("a buffer that no step has announced is used");
    }
    return placed.offset();
  }
}
