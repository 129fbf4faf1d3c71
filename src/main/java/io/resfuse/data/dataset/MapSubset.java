package io.resfuse.data.dataset;

import io.resfuse.data.image.Image;

/** Some pictures of another data set, with their maps. */
final class MapSubset extends PicturesSubset<SegmentationDataset> implements SegmentationDataset {
  MapSubset(SegmentationDataset whole, int[] indices) {
    super(whole, indices);
  }

  @Override
  public Image map(int index) {
    return whole.map(source(index));
  }
}
