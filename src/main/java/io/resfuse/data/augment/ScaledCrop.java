package io.resfuse.data.augment;

import io.resfuse.data.SampleRandom;
import io.resfuse.data.image.Image;
import io.resfuse.data.image.Placement;
import io.resfuse.data.image.Resampling;

/**
 * The picture made larger or smaller by a random factor, of which a random part of the network's
 * size is taken, the usual augmentation of segmentation and detection. What is smaller than that is
 * put at a random place on black, where maps have {@link Movement#NOTHING}.
 *
 * @param height of the result in pixels
 * @param width of the result in pixels
 * @param least factor, above 0
 * @param most factor
 * @param filter of the resize
 */
public record ScaledCrop(int height, int width, double least, double most, Resampling filter)
    implements Placing {
  /**
   * Checks the numbers.
   *
   * @param height of the result in pixels
   * @param width of the result in pixels
   * @param least factor, above 0
   * @param most factor
   * @param filter of the resize
   * @throws IllegalArgumentException if one is out of range
   */
  public ScaledCrop {
    if (height < 1 || width < 1 || !(0 < least && least <= most && most <= 1000)) {
      throw new IllegalArgumentException(
          "scaled crop: %d x %d pixels, factors %s to %s".formatted(height, width, least, most));
    }
  }

  /**
   * A square by factors of 0.5 to 2, bilinear, as DeepLab's (Chen et al. 2017).
   *
   * @param size height and width of the result
   */
  public ScaledCrop(int size) {
    this(size, size, 0.5, 2, Resampling.BILINEAR);
  }

  @Override
  public Placement place(int imageWidth, int imageHeight, SampleRandom random) {
    double factor = random.nextDouble(least, most);
    int partWidth = part(imageWidth, width, factor);
    int partHeight = part(imageHeight, height, factor);
    int scaledWidth = scaled(partWidth, width, factor);
    int scaledHeight = scaled(partHeight, height, factor);
    int left = random.nextInt(imageWidth - partWidth + 1);
    int top = random.nextInt(imageHeight - partHeight + 1);
    int toLeft = random.nextInt(width - scaledWidth + 1);
    int toTop = random.nextInt(height - scaledHeight + 1);
    return new Placement(
        new Placement.Part(left, top, partWidth, partHeight),
        scaledWidth,
        scaledHeight,
        toLeft,
        toTop,
        width,
        height,
        false);
  }

  private static int part(int length, int wanted, double factor) {
    return (int) Math.max(1, Math.min(length, Math.round(wanted / factor)));
  }

  private static int scaled(int part, int wanted, double factor) {
    return (int) Math.max(1, Math.min(wanted, Math.round(part * factor)));
  }

  @Override
  public Image apply(Image image, Placement placement) {
    Placement.Part part = placement.part();
    int scaledWidth = (int) placement.scaledWidth();
    int scaledHeight = (int) placement.scaledHeight();
    Image scaled =
        image.resizedCrop(
            part.left(),
            part.top(),
            part.width(),
            part.height(),
            scaledWidth,
            scaledHeight,
            filter);
    if (scaledWidth == width && scaledHeight == height) {
      return scaled;
    }
    int channels = image.channels();
    byte[] canvas = new byte[width * height * channels];
    for (int y = 0; y < scaledHeight; y++) {
      System.arraycopy(
          scaled.pixels(),
          y * scaledWidth * channels,
          canvas,
          (((int) placement.toTop() + y) * width + (int) placement.toLeft()) * channels,
          scaledWidth * channels);
    }
    return Image.like(image, width, height, canvas);
  }
}
