package io.resfuse.data.dataset;

import io.resfuse.data.image.Image;
import io.resfuse.data.image.PixelScratch;
import io.resfuse.data.image.Reduction;
import java.util.List;

/**
 * The pictures of another data set, all of them unless {@link #source} and {@link #size} differ.
 */
abstract class PicturesView<P extends Pictures> implements Pictures {
  /** The other data set. */
  protected final P whole;

  PicturesView(P whole) {
    this.whole = whole;
  }

  /** The other data set's number of a picture. */
  int source(int index) {
    return index;
  }

  @Override
  public String name() {
    return whole.name();
  }

  @Override
  public int size() {
    return whole.size();
  }

  @Override
  public List<String> classes() {
    return whole.classes();
  }

  @Override
  public Image image(int index) {
    return whole.image(source(index));
  }

  @Override
  public Image image(int index, PixelScratch scratch) {
    return whole.image(source(index), scratch);
  }

  @Override
  public Image image(int index, PixelScratch scratch, Reduction needed) {
    return whole.image(source(index), scratch, needed);
  }

  @Override
  public String describe(int index) {
    return whole.describe(source(index));
  }
}
