package io.resfuse.weights.format;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.function.Consumer;

/**
 * Writes one message in the wire format of protocol buffers, in memory. Fields are written in the
 * order of the calls. Not thread-safe.
 */
final class ProtoWriter {
  private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();

  /** An integer. */
  ProtoWriter varint(int field, long value) {
    writeVarint((long) field << 3);
    writeVarint(value);
    return this;
  }

  /** A float. */
  ProtoWriter fixed32(int field, float value) {
    writeVarint((long) field << 3 | 5);
    int bits = Float.floatToRawIntBits(value);
    for (int shift = 0; shift < 32; shift += 8) {
      bytes.write(bits >> shift);
    }
    return this;
  }

  /** A text. */
  ProtoWriter string(int field, String text) {
    return bytes(field, text.getBytes(StandardCharsets.UTF_8));
  }

  /** Bytes. */
  ProtoWriter bytes(int field, byte[] value) {
    lengthOf(field, value.length);
    bytes.writeBytes(value);
    return this;
  }

  /** A message that a body fills. */
  ProtoWriter message(int field, Consumer<ProtoWriter> body) {
    ProtoWriter inner = new ProtoWriter();
    body.accept(inner);
    return bytes(field, inner.toBytes());
  }

  /** The beginning of a field of bytes that somebody else writes after this message. */
  ProtoWriter lengthOf(int field, long length) {
    writeVarint((long) field << 3 | 2);
    writeVarint(length);
    return this;
  }

  /** What was written. */
  byte[] toBytes() {
    return bytes.toByteArray();
  }

  private void writeVarint(long value) {
    long rest = value;
    while ((rest & ~0x7fL) != 0) {
      bytes.write((int) ((rest & 0x7f) | 0x80));
      rest >>>= 7;
    }
    bytes.write((int) rest);
  }
}
