package io.resfuse.engine.cuda.internal.program;

import java.util.ArrayList;
import java.util.List;

/**
 * Counts buffers that live as long as their owner, with guards between them or without. Not
 * thread-safe.
 */
public final class Region {
  private static final long ALIGNMENT = 256;

  private final Buffer.Kind kind;
  private final boolean guarded;
  private final List<Buffer> buffers = new ArrayList<>();
  private long bytes;

  public Region(Buffer.Kind kind) {
    this(kind, false);
  }

  /**
   * Nothing yet.
   *
   * @param kind what it is part of
   * @param guarded whether there is memory between its buffers that is none's
   */
  public Region(Buffer.Kind kind, boolean guarded) {
    this.kind = kind;
    this.guarded = guarded;
  }

  public Buffer add(long size) {
    Buffer buffer = Buffer.at(kind, bytes, size);
    bytes += (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT + (guarded ? Guards.BYTES : 0);
    buffers.add(buffer);
    return buffer;
  }

  List<Buffer> buffers() {
    return buffers;
  }

  public long bytes() {
    return bytes;
  }
}
