package io.resfuse.data.dataset;

import java.util.function.IntConsumer;

/** Some pixels of a picture. Immutable. */
public sealed interface Region permits RunLengths, Polygons {
  /**
   * Goes through the pixels, each once.
   *
   * @param height of the picture
   * @param width of the picture
   * @param pixel is given row times width plus column
   * @throws IllegalArgumentException if the region is one of a picture of another size
   */
  void forEach(int height, int width, IntConsumer pixel);
}
