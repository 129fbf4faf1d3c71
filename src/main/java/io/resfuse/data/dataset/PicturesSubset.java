package io.resfuse.data.dataset;

import java.util.Objects;

/** Some pictures of another data set, in any order. */
abstract class PicturesSubset<P extends Pictures> extends PicturesView<P> {
  private final int[] indices;

  PicturesSubset(P whole, int[] indices) {
    super(whole);
    for (int index : indices) {
      Objects.checkIndex(index, whole.size());
    }
    this.indices = indices;
  }

  @Override
  final int source(int index) {
    return indices[index];
  }

  @Override
  public final int size() {
    return indices.length;
  }
}
