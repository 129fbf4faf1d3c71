package io.resfuse.data.dataset;

import io.resfuse.detect.BoxList;

/** Pictures with boxes around objects. Any thread may use it, many at a time. */
public interface DetectionDataset extends Pictures {
  /**
   * The objects in a picture.
   *
   * @param index 0 to size - 1
   * @return boxes in pixels of the picture, with labels from 0 to classes - 1; the caller must not
   *     write to it
   */
  BoxList boxes(int index);
}
