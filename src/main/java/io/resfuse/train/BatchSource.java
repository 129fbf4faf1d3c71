package io.resfuse.train;

import io.resfuse.engine.PixelScaling;
import org.jspecify.annotations.Nullable;

/**
 * Batches for a training or an evaluation. What an epoch holds depends on its number only, so that
 * a training can resume at any batch. For one thread at a time.
 */
public interface BatchSource {
  /**
   * The number of places of a batch.
   *
   * @return at least 1
   */
  int batchSize();

  /**
   * The batches of an epoch.
   *
   * @return at least 1
   */
  int batchesPerEpoch();

  /**
   * The pictures that it draws from.
   *
   * @return at least 1
   */
  int pictures();

  /**
   * Begins or resumes an epoch.
   *
   * @param epoch from 0
   * @param firstBatch the first one wanted, 0 to {@link #batchesPerEpoch}
   * @return its batches from there on, to be closed
   */
  BatchStream open(int epoch, int firstBatch);

  /**
   * How its pixels are to be normalised, if it can give pixels.
   *
   * @return null if there are only floats
   */
  default @Nullable PixelScaling scaling() {
    return null;
  }

  /**
   * The same as {@link #open} with {@link BatchStream#pixels} in place of floats. Asked for only
   * where {@link #scaling} is not null.
   *
   * @param epoch from 0
   * @param firstBatch the first one wanted, 0 to {@link #batchesPerEpoch}
   * @return its batches from there on, to be closed
   */
  default BatchStream openPixels(int epoch, int firstBatch) {
    throw new IllegalStateException("this source has floats only");
  }
}
