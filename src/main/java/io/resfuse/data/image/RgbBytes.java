package io.resfuse.data.image;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/**
 * Interleaved red, green and blue bytes, read and written some at a time: bounds are checked once,
 * and what lies between is arithmetic on words.
 */
final class RgbBytes {
  private static final VarHandle INTS =
      MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);
  private static final VarHandle LONGS =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

  /** So many bytes may be read beyond the second pixel that is asked for. */
  static final int SLACK = 2;

  private RgbBytes() {}

  /**
   * Reads pairs of neighbouring pixels into words: red in the lowest 8 bits, then green, then blue;
   * the highest 8 bits hold something else.
   *
   * @param starts where the pairs begin, before {@code offset} is added; {@link #SLACK} bytes have
   *     to follow each pair
   * @param left receives the first pixel of each pair
   * @param right receives the second
   */
  static void pairs(byte[] bytes, int[] starts, int offset, int[] left, int[] right, int count) {
    for (int i = 0; i < count; i++) {
      long pair = (long) LONGS.get(bytes, starts[i] + offset);
      left[i] = (int) pair;
      right[i] = (int) (pair >>> 24);
    }
  }

  /**
   * Writes words as pixels.
   *
   * @param words red in the lowest 8 bits, then green, then blue, then zero
   */
  static void write(int[] words, int count, byte[] target, int offset) {
    int at = offset;
    int i = 0;
    for (; i <= count - 4; i += 4) {
      int second = words[i + 1];
      int third = words[i + 2];
      INTS.set(target, at, words[i] | second << 24);
      INTS.set(target, at + 4, second >>> 8 | third << 16);
      INTS.set(target, at + 8, third >>> 16 | words[i + 3] << 8);
      at += 12;
    }
    for (; i < count; i++) {
      target[at++] = (byte) words[i];
      target[at++] = (byte) (words[i] >> 8);
      target[at++] = (byte) (words[i] >> 16);
    }
  }
}
