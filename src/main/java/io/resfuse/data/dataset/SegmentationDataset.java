package io.resfuse.data.dataset;

import io.resfuse.data.image.Image;

/** Pictures with a class for each pixel. Any thread may use it, many at a time. */
public interface SegmentationDataset extends Pictures {
  /** The sample of a pixel that has no class: it is not learned from and does not count. */
  int IGNORED = 255;

  /**
   * The classes of a picture's pixels.
   *
   * @param index 0 to size - 1
   * @return as large as the picture, one channel: 0 to classes - 1, or {@link #IGNORED}; the caller
   *     must not write to it
   * @throws io.resfuse.data.image.ImageException if it cannot be read
   * @throws io.resfuse.data.DataException if it has a number that is no class
   */
  Image map(int index);

  /**
   * Some of the pictures, with the same classes.
   *
   * @param indices of the pictures, in the order wanted
   * @return a view
   * @throws IndexOutOfBoundsException if an index is not below the size
   */
  default SegmentationDataset subset(int... indices) {
    return new MapSubset(this, indices.clone());
  }
}
