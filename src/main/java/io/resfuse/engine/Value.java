package io.resfuse.engine;

import io.resfuse.tensor.Shape;

/**
 * An activation that flows between operations of a {@link NetworkSpec}.
 *
 * @param id its index in the network's lists of values and shapes
 * @param name the name of the operation that produces it, {@code input} for the image
 * @param channels its channels; {@link #isFlat() flat} values have no height and width
 * @param isFlat whether its shape is (batch, channels) rather than (batch, channels, height, width)
 */
public record Value(int id, String name, int channels, boolean isFlat) {
  /**
   * Its shape.
   *
   * @param batch images
   * @param height rows, ignored for a flat value
   * @param width columns, ignored for a flat value
   * @return (batch, channels) or (batch, channels, height, width)
   */
  Shape shape(int batch, int height, int width) {
    return isFlat ? Shape.of(batch, channels) : Shape.of(batch, channels, height, width);
  }
}
