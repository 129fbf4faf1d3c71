package io.resfuse.data.scene;

import io.resfuse.data.image.Image;
import io.resfuse.data.image.Resampling;
import java.util.Arrays;

/** An object cut out of its black background, at the size that it has in a scene. Immutable. */
final class Garment {
  /** What is darker at the border, and all that is connected with it, is background. */
  private static final int DARK = 24;

  /** Width and height in pixels. */
  final int side;

  /** Grey, (side, side). */
  final byte[] shades;

  /** Where the object is, (side, side). */
  final boolean[] inside;

  /** How many pixels it has. */
  final int pixels;

  private Garment(int side, byte[] shades, boolean[] inside, int pixels) {
    this.side = side;
    this.shades = shades;
    this.inside = inside;
    this.pixels = pixels;
  }

  static Garment of(Image picture, int side, boolean mirrored) {
    Image mask = Image.grey(picture.width(), picture.height(), mask(picture));
    byte[] shades = picture.resized(side, side, Resampling.BILINEAR).pixels();
    byte[] share = mask.resized(side, side, Resampling.BILINEAR).pixels();
    byte[] turned = new byte[shades.length];
    boolean[] inside = new boolean[shades.length];
    int pixels = 0;
    for (int y = 0; y < side; y++) {
      for (int x = 0; x < side; x++) {
        int from = y * side + (mirrored ? side - 1 - x : x);
        turned[y * side + x] = shades[from];
        inside[y * side + x] = (share[from] & 0xff) >= 128;
        pixels += inside[y * side + x] ? 1 : 0;
      }
    }
    return new Garment(side, turned, inside, pixels);
  }

  /** 255 on the object. Dark parts that do not reach the border are its own. */
  private static byte[] mask(Image picture) {
    int width = picture.width();
    int height = picture.height();
    byte[] pixels = picture.pixels();
    byte[] mask = new byte[pixels.length];
    Arrays.fill(mask, (byte) 255);
    int[] stack = new int[pixels.length];
    int[] steps = {-1, 1, -width, width};
    int depth = 0;
    for (int i = 0; i < pixels.length; i++) {
      int x = i % width;
      int y = i / width;
      boolean border = x == 0 || y == 0 || x == width - 1 || y == height - 1;
      if (border && (pixels[i] & 0xff) < DARK) {
        mask[i] = 0;
        stack[depth++] = i;
      }
    }
    while (depth > 0) {
      int at = stack[--depth];
      int x = at % width;
      for (int direction = 0; direction < steps.length; direction++) {
        int next = at + steps[direction];
        boolean leaves = direction == 0 ? x == 0 : direction == 1 && x == width - 1;
        if (!leaves
            && next >= 0
            && next < pixels.length
            && mask[next] != 0
            && (pixels[next] & 0xff) < DARK) {
          mask[next] = 0;
          stack[depth++] = next;
        }
      }
    }
    return mask;
  }
}
