package io.resfuse.data.dataset;

import io.resfuse.data.image.Image;
import io.resfuse.data.image.PixelScratch;
import io.resfuse.data.image.Reduction;

/**
 * Pictures that are decoded when they are asked for, as much of them as is needed: whoever has that
 * has the other two ways of reading them, too.
 */
public interface DecodedPictures extends Pictures {
  @Override
  default Image image(int index) {
    return image(index, new PixelScratch());
  }

  @Override
  default Image image(int index, PixelScratch scratch) {
    return image(index, scratch, Reduction.NONE);
  }

  @Override
  Image image(int index, PixelScratch scratch, Reduction needed);
}
