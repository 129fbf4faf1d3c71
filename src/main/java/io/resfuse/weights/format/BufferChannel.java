package io.resfuse.weights.format;

import java.nio.ByteBuffer;
import java.nio.channels.NonWritableChannelException;
import java.nio.channels.SeekableByteChannel;

/** A buffer as a channel for reading, so that archives are searched without system calls. */
final class BufferChannel implements SeekableByteChannel {
  private final ByteBuffer bytes;
  private long position;
  private boolean open = true;

  /** Over a buffer from index 0 to its limit. */
  BufferChannel(ByteBuffer bytes) {
    this.bytes = bytes.duplicate().rewind();
  }

  @Override
  public int read(ByteBuffer into) {
    long left = bytes.limit() - position;
    if (left <= 0) {
      return into.hasRemaining() ? -1 : 0;
    }
    int count = (int) Math.min(left, into.remaining());
    into.put(bytes.slice((int) position, count));
    position += count;
    return count;
  }

  @Override
  public int write(ByteBuffer from) {
    throw new NonWritableChannelException();
  }

  @Override
  public long position() {
    return position;
  }

  @Override
  public SeekableByteChannel position(long newPosition) {
    if (newPosition < 0) {
      throw new IllegalArgumentException("negative position " + newPosition);
    }
    position = newPosition;
    return this;
  }

  @Override
  public long size() {
    return bytes.limit();
  }

  @Override
  public SeekableByteChannel truncate(long size) {
    throw new NonWritableChannelException();
  }

  @Override
  public boolean isOpen() {
    return open;
  }

  @Override
  public void close() {
    open = false;
  }
}
