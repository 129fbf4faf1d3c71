package io.resfuse.train;

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
}
