package io.resfuse.weights.format;

import java.util.SplittableRandom;

/** Damages files. */
public final class Mutations {
  private Mutations() {}

  /**
   * Changes a few bytes, cuts some out, doubles some, or puts some elsewhere.
   *
   * @param seed is not changed
   * @param random decides
   * @return a changed copy
   */
  public static byte[] mutate(byte[] seed, SplittableRandom random) {
    byte[] bytes = seed.clone();
    int changes = 1 + random.nextInt(4);
    for (int i = 0; i < changes && bytes.length > 8; i++) {
      int at = random.nextInt(bytes.length);
      int length = Math.min(1 + random.nextInt(16), bytes.length - at);
      switch (random.nextInt(6)) {
        case 0 -> bytes[at] ^= (byte) (1 << random.nextInt(8));
        case 1 -> bytes[at] = (byte) random.nextInt();
        case 2 -> bytes[at] = INTERESTING[random.nextInt(INTERESTING.length)];
        case 3 -> bytes = spliced(bytes, at, length, 0, 0);
        case 4 -> bytes = spliced(bytes, at, 0, random.nextInt(bytes.length - length + 1), length);
        default -> {
          int from = random.nextInt(bytes.length - length + 1);
          System.arraycopy(bytes.clone(), from, bytes, at, length);
        }
      }
    }
    return bytes;
  }

  private static final byte[] INTERESTING = {0, 1, 2, 7, 8, 0x0a, 0x12, 0x7f, (byte) 0x80, -1};

  /** Without some bytes, and with others from elsewhere in their place. */
  private static byte[] spliced(byte[] bytes, int at, int without, int from, int with) {
    byte[] result = new byte[bytes.length - without + with];
    System.arraycopy(bytes, 0, result, 0, at);
    System.arraycopy(bytes, from, result, at, with);
    System.arraycopy(bytes, at + without, result, at + with, bytes.length - at - without);
    return result;
  }
}
