package io.resfuse.data.augment;

import io.resfuse.data.SampleRandom;

/**
 * Training on mixtures of two pictures and of their labels in the same proportion: mixup (Zhang et
 * al. 2017) and cutmix (Yun et al. 2019). Per batch one weight is drawn from Beta(alpha, alpha);
 * the pictures at positions i and n - 1 - i of the batch are mixed with each other.
 *
 * @param mixupAlpha 0 for no mixup
 * @param cutmixAlpha 0 for no cutmix; with both, each batch gets one of them by a coin
 */
public record Mixing(double mixupAlpha, double cutmixAlpha) {
  /** No mixing. */
  public static final Mixing NONE = new Mixing(0, 0);

  /**
   * Checks the parameters.
   *
   * @param mixupAlpha 0 for no mixup
   * @param cutmixAlpha 0 for no cutmix; with both, each batch gets one of them by a coin
   * @throws IllegalArgumentException if one is out of range
   */
  public Mixing {
    if (!(mixupAlpha >= 0) || !(cutmixAlpha >= 0)) {
      throw new IllegalArgumentException(
          "mixing: alpha must be at least 0, got mixup %s and cutmix %s"
              .formatted(mixupAlpha, cutmixAlpha));
    }
  }

  /**
   * Mixup alone.
   *
   * @param alpha 0.2 as a rule
   * @return the mixing
   */
  public static Mixing mixup(double alpha) {
    return new Mixing(alpha, 0);
  }

  /**
   * Cutmix alone.
   *
   * @param alpha 1 as a rule
   * @return the mixing
   */
  public static Mixing cutmix(double alpha) {
    return new Mixing(0, alpha);
  }

  /**
   * Whether it changes anything.
   *
   * @return false if both are 0
   */
  public boolean active() {
    return mixupAlpha > 0 || cutmixAlpha > 0;
  }

  /**
   * Mixes a batch in place.
   *
   * @param pixels one array per picture, all of one size
   * @param width in pixels
   * @param height in pixels
   * @param channels samples of a pixel
   * @param random decides how
   * @return the share that each picture keeps of its own label; its partner has the rest
   */
  public double mix(byte[][] pixels, int width, int height, int channels, SampleRandom random) {
    boolean cut = (mixupAlpha > 0 && cutmixAlpha > 0) ? random.happens(0.5) : cutmixAlpha > 0;
    double weight = random.nextBeta(cut ? cutmixAlpha : mixupAlpha);
    if (!cut) {
      int own = (int) Math.round(weight * 65536);
      for (int i = 0, j = pixels.length - 1; i < j; i++, j--) {
        blend(pixels[i], pixels[j], own);
      }
      return own / 65536.0;
    }
    double side = Math.sqrt(1 - weight);
    int centreX = random.nextInt(width);
    int centreY = random.nextInt(height);
    int halfWidth = (int) (width * side) / 2;
    int halfHeight = (int) (height * side) / 2;
    int left = Math.max(centreX - halfWidth, 0);
    int right = Math.min(centreX + halfWidth, width);
    int top = Math.max(centreY - halfHeight, 0);
    int bottom = Math.min(centreY + halfHeight, height);
    for (int i = 0, j = pixels.length - 1; i < j; i++, j--) {
      for (int y = top; y < bottom; y++) {
        swap(pixels[i], pixels[j], (y * width + left) * channels, (y * width + right) * channels);
      }
    }
    return 1 - (double) (right - left) * (bottom - top) / ((double) width * height);
  }

  private static void blend(byte[] first, byte[] second, int own) {
    int other = 65536 - own;
    for (int i = 0; i < first.length; i++) {
      int a = first[i] & 0xff;
      int b = second[i] & 0xff;
      first[i] = (byte) ((a * own + b * other + 32768) >> 16);
      second[i] = (byte) ((b * own + a * other + 32768) >> 16);
    }
  }

  private static void swap(byte[] first, byte[] second, int from, int to) {
    for (int i = from; i < to; i++) {
      byte kept = first[i];
      first[i] = second[i];
      second[i] = kept;
    }
  }
}
