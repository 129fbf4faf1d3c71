package io.resfuse.data.image;

import io.resfuse.data.image.Resampler.Box;
import io.resfuse.data.image.Resampler.Window;

/**
 * Resizes pictures with alpha as Pillow does it ({@code Image.resize} of mode RGBA), bit for bit:
 * colours are multiplied by alpha and rounded to 8 bits, all four channels are resized, and colours
 * divided by the resized alpha, rounded down, except where that is 0 or 255. So a transparent
 * pixel's colour does not bleed into its neighbours. Keeps its scratch between calls. Not
 * thread-safe.
 */
final class AlphaResampler {
  private static final int OPAQUE = 255;

  private final Resampler resampler;
  private byte[] colours = new byte[0];
  private byte[] alphas = new byte[0];
  private byte[] newColours = new byte[0];
  private byte[] newAlphas = new byte[0];

  AlphaResampler(Resampler resampler) {
    this.resampler = resampler;
  }

  /** As {@link Resampler#resample}, of a source of four channels. */
  void resample(
      Image source,
      Box box,
      Window window,
      Resampling filter,
      byte[] target,
      int offset,
      int stride) {
    multiply(source, box);
    int plane = window.width() * window.height();
    newColours = sized(newColours, 3 * plane);
    newAlphas = sized(newAlphas, plane);
    Box whole = new Box(0, 0, box.width(), box.height());
    resampler.resample(
        Image.rgb(box.width(), box.height(), colours),
        whole,
        window,
        filter,
        newColours,
        0,
        3 * window.width());
    resampler.resample(
        Image.grey(box.width(), box.height(), alphas),
        whole,
        window,
        filter,
        newAlphas,
        0,
        window.width());
    for (int y = 0; y < window.height(); y++) {
      divide(y * window.width(), window.width(), target, offset + y * stride);
    }
  }

  private static byte[] sized(byte[] array, int length) {
    return array.length == length ? array : new byte[length];
  }

  /** The box's colours times alpha, and its alpha. */
  private void multiply(Image source, Box box) {
    int plane = Math.multiplyExact(box.width(), box.height());
    colours = sized(colours, Math.multiplyExact(3, plane));
    alphas = sized(alphas, plane);
    byte[] pixels = source.pixels();
    int pixel = 0;
    for (int y = 0; y < box.height(); y++) {
      int from = 4 * ((box.top() + y) * source.width() + box.left());
      for (int x = 0; x < box.width(); x++) {
        int alpha = pixels[from + 3] & 0xff;
        for (int channel = 0; channel < 3; channel++) {
          int product = (pixels[from + channel] & 0xff) * alpha + 128;
          colours[3 * pixel + channel] = (byte) (((product >> 8) + product) >> 8);
        }
        alphas[pixel++] = (byte) alpha;
        from += 4;
      }
    }
  }

  private void divide(int first, int count, byte[] target, int offset) {
    int to = offset;
    for (int pixel = first; pixel < first + count; pixel++) {
      int alpha = newAlphas[pixel] & 0xff;
      for (int channel = 0; channel < 3; channel++) {
        int colour = newColours[3 * pixel + channel] & 0xff;
        target[to++] =
            (byte)
                (alpha == 0 || alpha == OPAQUE
                    ? colour
                    : Math.min(OPAQUE * colour / alpha, OPAQUE));
      }
      target[to++] = (byte) alpha;
    }
  }
}
