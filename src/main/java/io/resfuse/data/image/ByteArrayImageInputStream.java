package io.resfuse.data.image;

import java.io.IOException;
import javax.imageio.stream.ImageInputStreamImpl;

/**
 * An array as ImageIO wants it, with no cache in between. May throw when a reader gets too far,
 * rather than say at the end that there is no more, which some readers take for endless zeros.
 */
final class ByteArrayImageInputStream extends ImageInputStreamImpl {
  private final byte[] contents;
  private final int most;

  ByteArrayImageInputStream(byte[] contents) {
    this(contents, Integer.MAX_VALUE);
  }

  /**
   * A stream of limited use.
   *
   * @param most reading the byte of this index or one after it throws
   */
  ByteArrayImageInputStream(byte[] contents, int most) {
    this.contents = contents;
    this.most = most;
  }

  private void check(long end) throws IOException {
    if (end > most) {
      throw new IOException("truncated");
    }
  }

  @Override
  public int read() throws IOException {
    bitOffset = 0;
    check(streamPos + 1);
    return streamPos < contents.length ? contents[(int) streamPos++] & 0xff : -1;
  }

  @Override
  public int read(byte[] target, int offset, int length) throws IOException {
    bitOffset = 0;
    if (length == 0) {
      return 0;
    }
    int count = (int) Math.min(length, contents.length - streamPos);
    if (count <= 0) {
      return -1;
    }
    check(streamPos + count);
    System.arraycopy(contents, (int) streamPos, target, offset, count);
    streamPos += count;
    return count;
  }

  @Override
  public long length() {
    return contents.length;
  }
}
