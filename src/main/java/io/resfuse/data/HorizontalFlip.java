package io.resfuse.data;

/**
 * The picture's mirror image, left for right.
 *
 * @param probability 0.5 as a rule
 */
public record HorizontalFlip(double probability) implements Augmentation {
  private static final int MIRRORED = 2;

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
  public Image apply(Image image, SampleRandom random) {
    return random.happens(probability) ? Exif.upright(image, MIRRORED) : image;
  }
}
