package io.resfuse.data;

import javax.imageio.stream.ImageInputStreamImpl;

/** An array as ImageIO wants it, with no cache in between. */
final class ByteArrayImageInputStream extends ImageInputStreamImpl {
  private final byte[] contents;

  ByteArrayImageInputStream(byte[] contents) {
    this.contents = contents;
  }

  @Override
  public int read() {
    bitOffset = 0;
    return streamPos < contents.length ? contents[(int) streamPos++] & 0xff : -1;
  }

  @Override
  public int read(byte[] target, int offset, int length) {
    bitOffset = 0;
    if (length == 0) {
      return 0;
    }
    int count = (int) Math.min(length, contents.length - streamPos);
    if (count <= 0) {
      return -1;
    }
    System.arraycopy(contents, (int) streamPos, target, offset, count);
    streamPos += count;
    return count;
  }

  @Override
  public long length() {
    return contents.length;
  }
}
