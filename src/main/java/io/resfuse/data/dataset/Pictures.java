package io.resfuse.data.dataset;

import io.resfuse.data.image.Image;
import io.resfuse.data.image.ImageException;
import io.resfuse.data.image.PixelScratch;
import io.resfuse.data.image.Reduction;
import java.util.List;

/**
 * Pictures by their number. What is known of each says the kind of data set: a class ({@link
 * Dataset}), a class for each pixel ({@link SegmentationDataset}) or boxes ({@link
 * DetectionDataset}). Any thread may use it, many at a time.
 */
public interface Pictures {
  /**
   * The name in messages.
   *
   * @return where it comes from
   */
  String name();

  /**
   * The number of pictures.
   *
   * @return at least 1
   */
  int size();

  /**
   * The classes' names; a label is a position in this list.
   *
   * @return at least one
   */
  List<String> classes();

  /**
   * Reads a picture.
   *
   * @param index 0 to size - 1
   * @return the picture, which the caller must not write to
   * @throws ImageException if it cannot be read
   */
  Image image(int index);

  /**
   * Reads a picture, where that helps into memory that is used again.
   *
   * @param index 0 to size - 1
   * @param scratch where the pixels may go
   * @return the picture, until the scratch is used again; the caller must not write to it
   * @throws ImageException if it cannot be read
   */
  default Image image(int index, PixelScratch scratch) {
    return image(index);
  }

  /**
   * Reads as much of a picture as is needed.
   *
   * @param index 0 to size - 1
   * @param scratch where the pixels may go
   * @param needed of the picture
   * @return the picture, or a smaller one where that is less work; until the scratch is used again;
   *     the caller must not write to it
   * @throws ImageException if it cannot be read
   */
  default Image image(int index, PixelScratch scratch, Reduction needed) {
    return image(index, scratch);
  }

  /**
   * What to call a picture in messages.
   *
   * @param index 0 to size - 1
   * @return its file, or the data set and the index
   */
  default String describe(int index) {
    return name() + "[" + index + "]";
  }
}
