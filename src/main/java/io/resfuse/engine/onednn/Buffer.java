package io.resfuse.engine.onednn;

import io.resfuse.engine.spi.ArenaBuffer;
import io.resfuse.engine.spi.ArenaPlanner;
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
  private final @Nullable ArenaBuffer inArena;

  private Buffer(Region region, long bytes, long offset, @Nullable ArenaBuffer inArena) {
    this.region = region;
    this.bytes = bytes;
    this.offset = offset;
    this.inArena = inArena;
  }

  static Buffer inArena(long bytes) {
    return new Buffer(Region.ARENA, bytes, -1, new ArenaBuffer(bytes));
  }

  static Buffer at(Region region, long offset, long bytes) {
    return new Buffer(region, bytes, offset, null);
  }

  long bytes() {
    return bytes;
  }

  /** The offset in the region, for buffers at a fixed place. */
  long offset() {
    return offset;
  }

  /** Says that a step uses it. */
  void touch(int time) {
    if (inArena != null) {
      inArena.use(time);
    }
  }

  /** Asks for a place, if it is in the arena and used at all. */
  void place(ArenaPlanner planner) {
    if (inArena != null) {
      inArena.place(planner);
    }
  }

  /** Its address, given where the regions begin. */
  long address(long arena, long weights, long host) {
    return switch (region) {
      case WEIGHTS -> weights + offset;
      case HOST -> host + offset;
      case ARENA -> arena + inArena.offset();
    };
  }
}
