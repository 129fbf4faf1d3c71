package io.resfuse.data.image;

import java.io.ByteArrayOutputStream;
import java.io.EOFException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/** Reads numbers out of a file's contents; running over the end is an {@link EOFException}. */
final class Bytes {
  private final byte[] contents;
  private final ByteBuffer buffer;

  Bytes(byte[] contents, ByteOrder order) {
    this.contents = contents;
    this.buffer = ByteBuffer.wrap(contents).order(order);
  }

  byte[] array() {
    return contents;
  }

  int length() {
    return contents.length;
  }

  int u8(int at) throws EOFException {
    require(at, 1);
    return contents[at] & 0xff;
  }

  int u16(int at) throws EOFException {
    require(at, 2);
    return buffer.getShort(at) & 0xffff;
  }

  int i32(int at) throws EOFException {
    require(at, 4);
    return buffer.getInt(at);
  }

  long u32(int at) throws EOFException {
    return i32(at) & 0xffffffffL;
  }

  /** Whether the text is there; false beyond the end. */
  boolean has(int at, String text) {
    byte[] expected = text.getBytes(StandardCharsets.ISO_8859_1);
    if (at < 0 || at > contents.length - expected.length) {
      return false;
    }
    for (int i = 0; i < expected.length; i++) {
      if (contents[at + i] != expected[i]) {
        return false;
      }
    }
    return true;
  }

  void require(int at, long size) throws EOFException {
    if (at < 0 || size < 0 || at + size > contents.length) {
      throw new EOFException("truncated after " + contents.length + " bytes");
    }
  }

  void copy(int from, int to, ByteArrayOutputStream target) throws EOFException {
    require(from, (long) to - from);
    target.write(contents, from, to - from);
  }
}
