package io.resfuse.engine.onednn;

import io.resfuse.engine.ArenaPlanner;
import org.jspecify.annotations.Nullable;

/**
 * A piece of memory that a training program uses: at a fixed place in a region, or in the arena,
 * where it lives from the first to the last step that touches it. Not thread-safe.
 */
final class Buffer {
  /** What memory it is part of. */
  enum Region {
    /** Activations and their gradients, shared by lifetime. */
    ARENA,
    /** Parameters, gradients, optimizer state, copies of weights in other layouts, statistics. */
    WEIGHTS,
    /** Buffers of the caller. */
    HOST
  }

  private final Region region;
  private final long bytes;
  private final long offset;
  private int first = Integer.MAX_VALUE;
  private int last = -1;
  private ArenaPlanner.@Nullable Block block;

  private Buffer(Region region, long bytes, long offset) {
    this.region = region;
    this.bytes = bytes;
    this.offset = offset;
  }

  static Buffer inArena(long bytes) {
    return new Buffer(Region.ARENA, bytes, -1);
  }

  static Buffer at(Region region, long offset, long bytes) {
    return new Buffer(region, bytes, offset);
  }

  long bytes() {
    return bytes;
  }

  /** The offset in the region, for buffers at a fixed place. */
  long offset() {
    return offset;
  }

  boolean isInArena() {
    return region == Region.ARENA;
  }

  /** Says that a step uses it. */
  void touch(int time) {
    first = Math.min(first, time);
    last = Math.max(last, time);
  }

  /** Asks for a place, if it is in the arena and used at all. */
  void place(ArenaPlanner planner) {
    if (isInArena() && last >= 0 && block == null) {
      block = planner.add(bytes, first, last);
    }
  }

  /** Its address, given where the regions begin. */
  long address(long arena, long weights, long host) {
    return switch (region) {
      case WEIGHTS -> weights + offset;
      case HOST -> host + offset;
      case ARENA -> {
        ArenaPlanner.Block placed = block;
        if (placed == null) {
          throw new IllegalStateException("a step uses a buffer that has no place");
        }
        yield arena + placed.offset();
      }
    };
  }
}
