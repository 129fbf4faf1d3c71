package io.resfuse.weights.format;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;

/** Fails as a full disk does, once some bytes are written. */
final class FullDisk implements WritableByteChannel {
  private final WritableByteChannel file;
  private long left;

  FullDisk(WritableByteChannel file, long capacity) {
    this.file = file;
    this.left = capacity;
  }

  @Override
  public int write(ByteBuffer bytes) throws IOException {
    if (bytes.remaining() > left) {
      throw new IOException("No space left on device");
    }
    left -= bytes.remaining();
    return file.write(bytes);
  }

  @Override
  public boolean isOpen() {
    return file.isOpen();
  }

  @Override
  public void close() throws IOException {
    file.close();
  }
}
