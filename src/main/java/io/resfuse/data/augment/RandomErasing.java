package io.resfuse.data.augment;

import io.resfuse.data.SampleRandom;
import io.resfuse.data.image.Image;
import java.util.Arrays;

/**
 * A random rectangle of the picture painted over (Zhong et al. 2017), as torchvision's {@code
 * RandomErasing}: an area drawn from a range of shares, an aspect drawn log-uniformly, ten tries.
 *
 * @param probability of erasing at all
 * @param minArea least share of the picture's area
 * @param maxArea largest share of the picture's area
 * @param minAspect least height / width
 * @param maxAspect largest height / width
 * @param fill the sample that all channels get, 0 to 255
 */
public record RandomErasing(
    double probability,
    double minArea,
    double maxArea,
    double minAspect,
    double maxAspect,
    int fill)
    implements Augmentation {

  private static final int TRIES = 10;

  /**
   * Checks the ranges.
   *
   * @param probability of erasing at all
   * @param minArea least share of the picture's area
   * @param maxArea largest share of the picture's area
   * @param minAspect least height / width
   * @param maxAspect largest height / width
   * @param fill the sample that all channels get, 0 to 255
   * @throws IllegalArgumentException if one is out of range
   */
  public RandomErasing {
    Probabilities.check("random erasing", probability);
    if (!(0 < minArea && minArea <= maxArea && maxArea <= 1)
        || !(0 < minAspect && minAspect <= maxAspect)
        || fill < 0
        || fill > 255) {
      throw new IllegalArgumentException(
          "random erasing: area %s to %s, aspect %s to %s, fill %d"
              .formatted(minArea, maxArea, minAspect, maxAspect, fill));
    }
  }

  /**
   * With the paper's ranges: area 0.02 to 0.33, aspect 0.3 to 3.3.
   *
   * @param probability of erasing at all
   * @param fill the sample that all channels get, 0 to 255
   */
  public RandomErasing(double probability, int fill) {
    this(probability, 0.02, 0.33, 0.3, 3.3, fill);
  }

  @Override
  public Image apply(Image image, SampleRandom random) {
    if (!random.happens(probability)) {
      return image;
    }
    double area = (double) image.width() * image.height();
    for (int i = 0; i < TRIES; i++) {
      double target = area * random.nextDouble(minArea, maxArea);
      double aspect =
          StrictMath.exp(random.nextDouble(StrictMath.log(minAspect), StrictMath.log(maxAspect)));
      long height = Math.round(Math.sqrt(target * aspect));
      long width = Math.round(Math.sqrt(target / aspect));
      if (height > 0 && height < image.height() && width > 0 && width < image.width()) {
        int top = random.nextInt((int) (image.height() - height) + 1);
        int left = random.nextInt((int) (image.width() - width) + 1);
        return erased(image, left, top, (int) width, (int) height);
      }
    }
    return image;
  }

  private Image erased(Image image, int left, int top, int width, int height) {
    byte[] result = image.pixels().clone();
    int channels = image.channels();
    for (int y = top; y < top + height; y++) {
      int from = (y * image.width() + left) * channels;
      Arrays.fill(result, from, from + width * channels, (byte) fill);
    }
    return Image.like(image, image.width(), image.height(), result);
  }
}
