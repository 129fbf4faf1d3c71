package io.resfuse.data.image;

/**
 * Arrays for the pictures that a thread of a loader reads one after the other: memory that was just
 * in use is in the caches, and fresh memory for every picture is not. Not thread-safe.
 */
public final class PixelScratch {
  private static final int KEPT = 4;

  private final byte[][] arrays = new byte[KEPT][0];
  private int next;

  /** Without arrays at first. */
  public PixelScratch() {}

  /**
   * An array with anything in it; one that was given out before may be it.
   *
   * @param length its length
   * @return the array
   */
  public byte[] take(int length) {
    for (byte[] array : arrays) {
      if (array.length == length) {
        return array;
      }
    }
    byte[] fresh = new byte[length];
    arrays[next] = fresh;
    next = (next + 1) % KEPT;
    return fresh;
  }
}
