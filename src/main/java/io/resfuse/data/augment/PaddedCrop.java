package io.resfuse.data.augment;

import io.resfuse.data.SampleRandom;
import io.resfuse.data.image.Image;
import io.resfuse.data.image.Placement;

/**
 * The picture with a black border, of which a random part of the picture's own size is taken: the
 * usual augmentation of CIFAR (He et al. 2015, section 4.2, with padding 4).
 *
 * @param padding pixels on each side, at least 0
 */
public record PaddedCrop(int padding) implements Placing {
  /**
   * Checks the padding.
   *
   * @param padding pixels on each side, at least 0
   * @throws IllegalArgumentException if one is out of range
   */
  public PaddedCrop {
    if (padding < 0) {
      throw new IllegalArgumentException("padding must be at least 0, got " + padding);
    }
  }

  @Override
  public Placement place(int width, int height, SampleRandom random) {
    int right = random.nextInt(2 * padding + 1) - padding;
    int down = random.nextInt(2 * padding + 1) - padding;
    return new Placement(
        new Placement.Part(0, 0, width, height), width, height, right, down, width, height, false);
  }

  @Override
  public Image apply(Image image, Placement placement) {
    int right = (int) placement.toLeft();
    int down = (int) placement.toTop();
    int width = image.width();
    int height = image.height();
    int channels = image.channels();
    byte[] result = new byte[image.pixels().length];
    int left = Math.max(right, 0);
    int columns = Math.min(width + right, width) - left;
    for (int y = Math.max(down, 0); columns > 0 && y < Math.min(height + down, height); y++) {
      System.arraycopy(
          image.pixels(),
          ((y - down) * width + left - right) * channels,
          result,
          (y * width + left) * channels,
          columns * channels);
    }
    return Image.like(image, width, height, result);
  }
}
