package io.resfuse.data.dataset;

import io.resfuse.data.image.Image;
import java.util.Objects;

/** Some pictures of another data set, with their maps. */
final class MapSubset extends PicturesView<SegmentationDataset> implements SegmentationDataset {
  private final int[] indices;

  MapSubset(SegmentationDataset whole, int[] indices) {
    super(whole);
    for (int index : indices) {
      Objects.checkIndex(index, whole.size());
    }
    this.indices = indices;
  }

  @Override
  int source(int index) {
    return indices[index];
  }

  @Override
  public int size() {
    return indices.length;
  }

  @Override
  public Image map(int index) {
    return whole.map(indices[index]);
  }
}
