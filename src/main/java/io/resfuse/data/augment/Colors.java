package io.resfuse.data.augment;

import io.resfuse.data.image.Image;
import io.resfuse.data.image.Normalization;

/**
 * Pillow's {@code ImageEnhance} and torchvision's {@code adjust_hue}, equal bit for bit; alpha
 * stays as it is.
 */
final class Colors {
  private Colors() {}

  /** Towards black for factors below 1. */
  static Image brightness(Image image, double factor) {
    return factor == 1 ? image : blend(image, (float) factor, at -> 0);
  }

  /** Towards the mean luma for factors below 1. */
  static Image contrast(Image image, double factor) {
    if (factor == 1) {
      return image;
    }
    long sum = 0;
    byte[] pixels = image.pixels();
    int channels = image.channels();
    for (int at = 0; at < pixels.length; at += channels) {
      sum += channels >= 3 ? Normalization.luma(pixels, at) : pixels[at] & 0xff;
    }
    int count = pixels.length / channels;
    int mean = (int) ((double) sum / count + 0.5);
    return blend(image, (float) factor, at -> mean);
  }

  /** Towards the pixel's luma for factors below 1. */
  static Image saturation(Image image, double factor) {
    if (factor == 1 || image.channels() == 1) {
      return image;
    }
    byte[] pixels = image.pixels();
    return blend(image, (float) factor, at -> Normalization.luma(pixels, at));
  }

  private interface Degenerate {
    /** The sample that factor 0 gives for the pixel that begins at an index. */
    int sample(int pixel);
  }

  /** {@code degenerate + factor * (image - degenerate)}, truncated, as Pillow's Blend.c. */
  private static Image blend(Image image, float factor, Degenerate degenerate) {
    byte[] pixels = image.pixels();
    byte[] result = new byte[pixels.length];
    int channels = image.channels();
    for (int pixel = 0; pixel < pixels.length; pixel += channels) {
      int other = degenerate.sample(pixel);
      for (int at = pixel; at < pixel + Math.min(channels, 3); at++) {
        float value = other + factor * (float) ((pixels[at] & 0xff) - other);
        result[at] = (byte) (int) Math.min(Math.max(value, 0), 255);
      }
    }
    for (int alpha = 3; channels == 4 && alpha < pixels.length; alpha += channels) {
      result[alpha] = pixels[alpha];
    }
    return Image.like(image, image.width(), image.height(), result);
  }

  /** Shifts the hue by a part of a turn, in Pillow's 8-bit HSV. */
  static Image hue(Image image, double shift) {
    if (image.channels() == 1 || shift == 0) {
      return image;
    }
    int steps = (int) (shift * 255) & 0xff;
    byte[] result = image.pixels().clone();
    for (int at = 0; at < result.length; at += image.channels()) {
      shiftHue(result, at, steps);
    }
    return Image.like(image, image.width(), image.height(), result);
  }

  private static void shiftHue(byte[] pixels, int at, int steps) {
    int r = pixels[at] & 0xff;
    int g = pixels[at + 1] & 0xff;
    int b = pixels[at + 2] & 0xff;
    int max = Math.max(r, Math.max(g, b));
    int min = Math.min(r, Math.min(g, b));
    int hue = 0;
    int saturation = 0;
    if (max > min) {
      float range = (float) (max - min);
      float rc = (max - r) / range;
      float gc = (max - g) / range;
      float bc = (max - b) / range;
      float h;
      if (r == max) {
        h = bc - gc;
      } else if (g == max) {
        h = (float) (2.0 + rc - bc);
      } else {
        h = (float) (4.0 + gc - rc);
      }
      h = (float) ((h / 6.0 + 1.0) % 1.0);
      hue = (int) (h * 255.0);
      saturation = (int) (range / max * 255.0);
    }
    toRgb((hue + steps) & 0xff, saturation, max, pixels, at);
  }

  private static void toRgb(int hue, int saturation, int value, byte[] pixels, int at) {
    if (saturation == 0) {
      set(pixels, at, value, value, value);
      return;
    }
    int sector = (int) Math.floor(hue * 6.0 / 255.0);
    float f = (float) (hue * 6.0 / 255.0 - sector);
    float s = (float) (saturation / 255.0);
    int p = (int) Math.round(value * (1.0 - s));
    int q = (int) Math.round(value * (1.0 - s * f));
    int t = (int) Math.round(value * (1.0 - s * (1.0 - f)));
    switch (sector % 6) {
      case 0 -> set(pixels, at, value, t, p);
      case 1 -> set(pixels, at, q, value, p);
      case 2 -> set(pixels, at, p, value, t);
      case 3 -> set(pixels, at, p, q, value);
      case 4 -> set(pixels, at, t, p, value);
      default -> set(pixels, at, value, p, q);
    }
  }

  private static void set(byte[] pixels, int at, int red, int green, int blue) {
    pixels[at] = (byte) red;
    pixels[at + 1] = (byte) green;
    pixels[at + 2] = (byte) blue;
  }
}
