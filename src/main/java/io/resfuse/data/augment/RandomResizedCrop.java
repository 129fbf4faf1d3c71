package io.resfuse.data.augment;

import io.resfuse.data.SampleRandom;
import io.resfuse.data.image.Image;
import io.resfuse.data.image.Placement;
import io.resfuse.data.image.Resampling;

/**
 * A random part of the picture, resized (Szegedy et al. 2015, section 6; torchvision's {@code
 * RandomResizedCrop}): an area drawn from a range of shares, an aspect drawn log-uniformly, ten
 * tries, then the largest central part with an aspect in the range.
 *
 * @param height of the result in pixels
 * @param width of the result in pixels
 * @param minArea least share of the picture's area
 * @param maxArea largest share of the picture's area
 * @param minAspect least width / height
 * @param maxAspect largest width / height
 * @param filter of the resize
 */
public record RandomResizedCrop(
    int height,
    int width,
    double minArea,
    double maxArea,
    double minAspect,
    double maxAspect,
    Resampling filter)
    implements Placing {

  private static final int TRIES = 10;

  /**
   * Checks the ranges.
   *
   * @param height of the result in pixels
   * @param width of the result in pixels
   * @param minArea least share of the picture's area
   * @param maxArea largest share of the picture's area
   * @param minAspect least width / height
   * @param maxAspect largest width / height
   * @param filter of the resize
   * @throws IllegalArgumentException if one is out of range
   */
  public RandomResizedCrop {
    if (height < 1
        || width < 1
        || !(0 < minArea && minArea <= maxArea && maxArea <= 1)
        || !(0 < minAspect && minAspect <= maxAspect)) {
      throw new IllegalArgumentException(
          "random resized crop: %d x %d pixels, area %s to %s, aspect %s to %s"
              .formatted(height, width, minArea, maxArea, minAspect, maxAspect));
    }
  }

  /**
   * With ImageNet's usual ranges: area 0.08 to 1, aspect 3/4 to 4/3, bilinear.
   *
   * @param size height and width of the result
   */
  public RandomResizedCrop(int size) {
    this(size, size, 0.08, 1, 3.0 / 4, 4.0 / 3, Resampling.BILINEAR);
  }

  @Override
  public Placement place(int imageWidth, int imageHeight, SampleRandom random) {
    return Placement.resized(part(imageWidth, imageHeight, random), width, height);
  }

  @Override
  public Image apply(Image image, Placement placement) {
    Placement.Part part = placement.part();
    return image.resizedCrop(
        part.left(), part.top(), part.width(), part.height(), width, height, filter);
  }

  /** So much that the part has the size of the result. */
  @Override
  public double share(int imageWidth, int imageHeight, SampleRandom random) {
    Placement.Part part = part(imageWidth, imageHeight, random);
    return Math.max((double) width / part.width(), (double) height / part.height());
  }

  private Placement.Part part(int imageWidth, int imageHeight, SampleRandom random) {
    double area = (double) imageWidth * imageHeight;
    for (int i = 0; i < TRIES; i++) {
      double target = area * random.nextDouble(minArea, maxArea);
      double aspect =
          StrictMath.exp(random.nextDouble(StrictMath.log(minAspect), StrictMath.log(maxAspect)));
      long w = Math.round(Math.sqrt(target * aspect));
      long h = Math.round(Math.sqrt(target / aspect));
      if (w > 0 && w <= imageWidth && h > 0 && h <= imageHeight) {
        int left = random.nextInt((int) (imageWidth - w) + 1);
        int top = random.nextInt((int) (imageHeight - h) + 1);
        return new Placement.Part(left, top, (int) w, (int) h);
      }
    }
    double aspect = (double) imageWidth / imageHeight;
    int w = imageWidth;
    int h = imageHeight;
    if (aspect < minAspect) {
      h = (int) Math.max(Math.min(Math.round(w / minAspect), imageHeight), 1);
    } else if (aspect > maxAspect) {
      w = (int) Math.max(Math.min(Math.round(h * maxAspect), imageWidth), 1);
    }
    return new Placement.Part((imageWidth - w) / 2, (imageHeight - h) / 2, w, h);
  }
}
