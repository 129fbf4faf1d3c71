package io.resfuse.data.augment;

import io.resfuse.data.SampleRandom;
import io.resfuse.data.image.Image;
import io.resfuse.data.image.Placement;

/**
 * An augmentation that moves pixels, and says where to, so that a picture's map or boxes can
 * follow. Where pictures have those, every augmentation that moves pixels must be one.
 */
public interface Placing extends Augmentation {
  /**
   * Draws where the pixels of a picture go.
   *
   * @param width of the picture
   * @param height of the picture
   * @param random numbers for this picture in this epoch
   * @return the placement
   */
  Placement place(int width, int height, SampleRandom random);

  /**
   * Moves the pixels.
   *
   * @param image as in {@link Augmentation#apply(Image, SampleRandom)}
   * @param placement that was drawn for a picture of its size
   * @return the result, as large as the placement's canvas
   */
  Image apply(Image image, Placement placement);

  @Override
  default Image apply(Image image, SampleRandom random) {
    return apply(image, place(image.width(), image.height(), random));
  }
}
