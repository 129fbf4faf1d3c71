package io.resfuse.data;

/** A data set that can read into memory that is used again. */
interface ReusingDataset extends Dataset {
  /**
   * Reads a picture.
   *
   * @param index 0 to size - 1
   * @param scratch where the pixels may go
   * @return the picture, until the scratch is used again
   * @throws ImageException if it cannot be read
   */
  Image image(int index, PixelScratch scratch);

  @Override
  default Image image(int index) {
    return image(index, new PixelScratch());
  }

  /** Reads a picture of any data set. */
  static Image image(Dataset dataset, int index, PixelScratch scratch) {
    return dataset instanceof ReusingDataset reusing
        ? reusing.image(index, scratch)
        : dataset.image(index);
  }
}
