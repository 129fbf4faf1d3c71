package io.resfuse.engine.cuda;

/** Counts buffers that live as long as their owner. Not thread-safe. */
final class Region {
  private static final long ALIGNMENT = 256;

  private final Buffer.Kind kind;
  private long bytes;

  Region(Buffer.Kind kind) {
    this.kind = kind;
  }

  Buffer add(long size) {
    Buffer buffer = Buffer.at(kind, bytes, size);
    bytes += (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    return buffer;
  }

  long bytes() {
    return bytes;
  }
}
