package io.resfuse.engine.onednn;

import java.util.ArrayList;
import java.util.List;

/**
 * A batch cut into slices of a few images, so that sums over all pixels can be taken slice by
 * slice: oneDNN adds into one float32, which loses digits with the number of pixels, and most where
 * all that is added has one sign.
 */
final class ImageSlices {
  /** Gradients of weights over so many pixels are within 5e-6 of float64, of one sign or not. */
  private static final int MOST_PIXELS = 1 << 15;

  private ImageSlices() {}

  /**
   * Some images.
   *
   * @param first of them
   * @param images how many
   */
  record Slice(int first, int images) {}

  /**
   * Cuts a batch.
   *
   * @param batch images
   * @param pixels of an image
   * @return slices of at most {@value #MOST_PIXELS} pixels, or of one image; of one size, but for
   *     the last, where the batch has divisors for that
   */
  static List<Slice> of(int batch, long pixels) {
    int images = imagesOf(batch, pixels);
    List<Slice> slices = new ArrayList<>();
    for (int first = 0; first < batch; first += images) {
      slices.add(new Slice(first, Math.min(images, batch - first)));
    }
    return slices;
  }

  private static int imagesOf(int batch, long pixels) {
    int most = (int) Math.max(1, Math.min(batch, MOST_PIXELS / pixels));
    for (int images = most; 2 * images > most; images--) {
      if (batch % images == 0) {
        return images;
      }
    }
    return most;
  }
}
