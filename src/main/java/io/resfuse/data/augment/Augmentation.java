package io.resfuse.data.augment;

import io.resfuse.data.SampleRandom;
import io.resfuse.data.image.Image;

/**
 * A random change to a training picture that does not change what it shows. Stateless: any thread
 * may use it, and what it does depends on the picture and the random numbers only.
 */
@FunctionalInterface
public interface Augmentation {
  /**
   * Changes a picture.
   *
   * @param image is not written to, nor kept: its memory is used again for the next picture
   * @param random numbers for this picture in this epoch
   * @return the result; the picture itself if nothing changes
   */
  Image apply(Image image, SampleRandom random);

  /**
   * How large a picture it needs.
   *
   * @param width of the picture in pixels
   * @param height of the picture in pixels
   * @param random the numbers that {@link #apply} will get, which begin anew for it
   * @return the share of the sides, as {@link io.resfuse.data.image.Reduction#share}; 1 unless it
   *     makes pictures smaller
   */
  default double share(int width, int height, SampleRandom random) {
    return 1;
  }
}
