package io.resfuse.data.augment;

import io.resfuse.data.SampleRandom;
import io.resfuse.data.image.Image;

/**
 * Random changes of brightness, contrast, saturation and hue, in random order, as torchvision's
 * {@code ColorJitter} on Pillow images: the factors of the first three are drawn from [max(0, 1 -
 * x), 1 + x], the shift of the hue from [-hue, hue] turns. Grey pictures keep their saturation and
 * hue.
 *
 * @param brightness at least 0
 * @param contrast at least 0
 * @param saturation at least 0
 * @param hue 0 to 0.5
 */
public record ColorJitter(double brightness, double contrast, double saturation, double hue)
    implements Augmentation {

  /**
   * Checks the ranges.
   *
   * @param brightness at least 0
   * @param contrast at least 0
   * @param saturation at least 0
   * @param hue 0 to 0.5
   * @throws IllegalArgumentException if one is out of range
   */
  public ColorJitter {
    if (!(brightness >= 0) || !(contrast >= 0) || !(saturation >= 0) || !(hue >= 0 && hue <= 0.5)) {
      throw new IllegalArgumentException(
          "colour jitter: brightness %s, contrast %s, saturation %s, hue %s (0 to 0.5)"
              .formatted(brightness, contrast, saturation, hue));
    }
  }

  @Override
  public Image apply(Image image, SampleRandom random) {
    Image result = image;
    for (int step : random.permutation(4)) {
      result =
          switch (step) {
            case 0 -> Colors.brightness(result, factor(brightness, random));
            case 1 -> Colors.contrast(result, factor(contrast, random));
            case 2 -> Colors.saturation(result, factor(saturation, random));
            default -> Colors.hue(result, hue == 0 ? 0 : random.nextDouble(-hue, hue));
          };
    }
    return result;
  }

  private static double factor(double range, SampleRandom random) {
    return range == 0 ? 1 : random.nextDouble(Math.max(0, 1 - range), 1 + range);
  }
}
