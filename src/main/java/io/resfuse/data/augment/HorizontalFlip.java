package io.resfuse.data.augment;

import io.resfuse.data.SampleRandom;
import io.resfuse.data.image.Image;
import io.resfuse.data.image.Placement;

/**
 * The picture's mirror image, left for right.
 *
 * @param probability 0.5 as a rule
 */
public record HorizontalFlip(double probability) implements Placing {
  /**
   * Checks the probability.
   *
   * @param probability 0.5 as a rule
   * @throws IllegalArgumentException if one is out of range
   */
  public HorizontalFlip {
    Probabilities.check("flip", probability);
  }

  @Override
  public Placement place(int width, int height, SampleRandom random) {
    return Placement.whole(width, height, random.happens(probability));
  }

  @Override
  public Image apply(Image image, Placement placement) {
    return placement.mirrored() ? mirrored(image) : image;
  }

  private static Image mirrored(Image image) {
    byte[] source = image.pixels();
    byte[] target = new byte[source.length];
    int row = image.width() * image.channels();
    for (int from = 0; from < source.length; from += row) {
      if (image.channels() == 3) {
        int to = from + row;
        for (int at = from; at < from + row; at += 3) {
          to -= 3;
          target[to] = source[at];
          target[to + 1] = source[at + 1];
          target[to + 2] = source[at + 2];
        }
      } else {
        int channels = image.channels();
        for (int x = 0; x < row; x += channels) {
          System.arraycopy(source, from + x, target, from + row - channels - x, channels);
        }
      }
    }
    return Image.like(image, image.width(), image.height(), target);
  }
}
