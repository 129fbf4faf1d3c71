package io.resfuse.train.run;

import io.resfuse.data.image.Normalization;
import io.resfuse.data.loader.Batch;
import io.resfuse.data.loader.Loader;
import io.resfuse.data.loader.LoaderEpoch;
import io.resfuse.engine.PixelScaling;
import io.resfuse.train.BatchSource;
import io.resfuse.train.BatchStream;
import java.nio.ByteBuffer;
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
    return new Stream(loader.epoch(epoch, firstBatch), false);
  }

  @Override
  public PixelScaling scaling() {
    Normalization normalization = loader.preprocessing().normalization();
    return PixelScaling.of(normalization.divisor(), normalization.mean(), normalization.std());
  }

  @Override
  public BatchStream openPixels(int epoch, int firstBatch) {
    return new Stream(loader.pixels(epoch, firstBatch), true);
  }

  private static final class Stream implements BatchStream {
    private final LoaderEpoch epoch;
    private final boolean ofPixels;
    private @Nullable Batch batch;

    /** Null where pixels have no classes, and before the first batch. */
    private int @Nullable [] pixelLabels;

    Stream(LoaderEpoch epoch, boolean ofPixels) {
      this.epoch = epoch;
      this.ofPixels = ofPixels;
    }

    @Override
    public boolean advance() {
      batch = epoch.hasNext() ? epoch.next() : null;
      ByteBuffer maps = batch == null ? null : batch.maps();
      if (maps != null) {
        if (pixelLabels == null) {
          pixelLabels = new int[maps.capacity()];
        }
        batch.pixelLabels(pixelLabels);
      }
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
    public @Nullable ByteBuffer pixels() {
      return ofPixels ? batch().pixels() : null;
    }

    @Override
    public int[] labels() {
      return batch().labels();
    }

    @Override
    public int @Nullable [] pixelLabels() {
      return pixelLabels;
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
