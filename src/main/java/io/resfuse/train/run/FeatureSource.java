package io.resfuse.train.run;

import io.resfuse.data.DataException;
import io.resfuse.data.SampleRandom;
import io.resfuse.train.BatchSource;
import io.resfuse.train.BatchStream;
import java.nio.FloatBuffer;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Batches of features in memory. In training each epoch has another random order and full batches
 * only; in evaluation every row comes once, in order, and the last batch is filled up.
 */
final class FeatureSource implements BatchSource {
  private final Features features;
  private final int batchSize;
  private final long seed;
  private final boolean training;

  FeatureSource(Features features, int batchSize, long seed, boolean training) {
    if (training && features.rows.length < batchSize) {
      throw new DataException(
          "%d pictures do not fill a batch of %d; choose a smaller batch"
              .formatted(features.rows.length, batchSize));
    }
    this.features = features;
    this.batchSize = batchSize;
    this.seed = seed;
    this.training = training;
  }

  @Override
  public int batchSize() {
    return batchSize;
  }

  @Override
  public int batchesPerEpoch() {
    int rows = features.rows.length;
    return training ? rows / batchSize : (rows + batchSize - 1) / batchSize;
  }

  @Override
  public int pictures() {
    return features.rows.length;
  }

  @Override
  public BatchStream open(int epoch, int firstBatch) {
    int @Nullable [] order =
        training ? new SampleRandom(seed, epoch, -1).permutation(features.rows.length) : null;
    return new Stream(order, firstBatch);
  }

  private final class Stream implements BatchStream {
    private final int @Nullable [] order;
    private final int channels = features.rows.length == 0 ? 0 : features.rows[0].length;
    private final FloatBuffer images = FloatBuffer.allocate(batchSize * channels);
    private final int[] labels = new int[batchSize];
    private final int[] samples = new int[batchSize];
    private int next;

    Stream(int @Nullable [] order, int next) {
      this.order = order;
      this.next = next;
    }

    @Override
    public boolean advance() {
      if (next >= batchesPerEpoch()) {
        return false;
      }
      Arrays.fill(labels, -1);
      Arrays.fill(samples, -1);
      Arrays.fill(images.array(), 0);
      int first = next * batchSize;
      for (int i = 0; i < batchSize && first + i < features.rows.length; i++) {
        int row = order == null ? first + i : order[first + i];
        images.put(i * channels, features.rows[row]);
        labels[i] = features.labels[row];
        samples[i] = features.samples[row];
      }
      next++;
      return true;
    }

    @Override
    public FloatBuffer images() {
      return images;
    }

    @Override
    public int[] labels() {
      return labels;
    }

    @Override
    public int[] samples() {
      return samples;
    }

    @Override
    public @Nullable FloatBuffer targets() {
      return null;
    }

    @Override
    public long unreadable() {
      return features.unreadable;
    }

    @Override
    public double waitedShare() {
      return 0;
    }

    @Override
    public void close() {
      // Nothing works ahead.
    }
  }
}
