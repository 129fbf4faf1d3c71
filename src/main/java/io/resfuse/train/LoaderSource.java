package io.resfuse.train;

import io.resfuse.data.Batch;
import io.resfuse.data.Loader;
import io.resfuse.data.LoaderEpoch;
import java.nio.FloatBuffer;
import org.jspecify.annotations.Nullable;

/** The batches of a {@link Loader}. */
final class LoaderSource implements BatchSource {
  private final Loader loader;
  private final int batchSize;
  private final int pictures;

  LoaderSource(Loader loader, int batchSize, int pictures) {
    this.loader = loader;
    this.batchSize = batchSize;
    this.pictures = pictures;
  }

  @Override
  public int batchSize() {
    return batchSize;
  }

  @Override
  public int batchesPerEpoch() {
    return loader.batchesPerEpoch();
  }

  @Override
  public int pictures() {
    return pictures;
  }

  @Override
  public BatchStream open(int epoch, int firstBatch) {
    return new Stream(loader.epoch(epoch, firstBatch));
  }

  private static final class Stream implements BatchStream {
    private final LoaderEpoch epoch;
    private @Nullable Batch batch;

    Stream(LoaderEpoch epoch) {
      this.epoch = epoch;
    }

    @Override
    public boolean advance() {
      batch = epoch.hasNext() ? epoch.next() : null;
      return batch != null;
    }

    private Batch batch() {
      if (batch == null) {
        throw new IllegalStateException("there is no batch; advance() first");
      }
      return batch;
    }

    @Override
    public FloatBuffer images() {
      return batch().images();
    }

    @Override
    public int[] labels() {
      return batch().labels();
    }

    @Override
    public int[] samples() {
      return batch().samples();
    }

    @Override
    public @Nullable FloatBuffer targets() {
      return batch().targets();
    }

    @Override
    public long unreadable() {
      return epoch.statistics().unreadable();
    }

    @Override
    public double waitedShare() {
      return epoch.statistics().waitedShare();
    }

    @Override
    public void close() {
      epoch.close();
    }
  }
}
