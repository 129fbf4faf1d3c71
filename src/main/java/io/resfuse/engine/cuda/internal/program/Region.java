package io.resfuse.engine.cuda.internal.program;

/** Counts buffers that live as long as their owner. Not thread-safe. */
public final class Region {
  private static final long ALIGNMENT = 256;

  private final Buffer.Kind kind;
  private long bytes;

  public Region(Buffer.Kind kind) {
    this.kind = kind;
  }

  public Buffer add(long size) {
    Buffer buffer = Buffer.at(kind, bytes, size);
    bytes += (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    return buffer;
  }

  public long bytes() {
    return bytes;
  }
}
