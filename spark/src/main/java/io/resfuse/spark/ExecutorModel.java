package io.resfuse.spark;

import io.resfuse.Model;
import io.resfuse.batch.BatchOptions;
import io.resfuse.batch.Batcher;
import io.resfuse.data.image.Preprocessing;
import io.resfuse.engine.Engine;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.Engines;
import io.resfuse.engine.Precision;
import io.resfuse.weights.ModelFile;
import io.resfuse.weights.PretrainedModel;
import io.resfuse.weights.ProgressListener;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Set;
import org.apache.spark.SparkEnv;
import org.apache.spark.SparkFiles;

/** A model on an executor, and the queue into which its tasks put pictures. Thread-safe. */
final class ExecutorModel implements AutoCloseable {
  /** Tasks bound what they have in the queue themselves. */
  private static final int QUEUE = 1 << 20;

  private final Engine engine;
  private final Model model;
  private final Batcher batcher;

  ExecutorModel(ModelSettings settings) {
    Engine opened = null;
    Model loaded = null;
    boolean done = false;
    try {
      opened =
          Engines.open(
              settings.engine(),
              new EngineOptions(threads(settings), settings.device())
                  .withBatchInvariant(settings.batchInvariant()));
      ModelFile file = file(settings.model());
      String preset = settings.preprocessing().isEmpty() ? file.preset() : settings.preprocessing();
      loaded =
          Model.load(
              opened, file, Precision.parse(settings.precision()), Preprocessing.of(preset), 1);
      if (!loaded.network().outputs().containsKey(settings.output())) {
        throw new IllegalArgumentException(
            "the model '"
                + settings.model()
                + "' has no output '"
                + settings.output()
                + "'; it has "
                + loaded.network().outputs().keySet());
      }
      BatchOptions options =
          BatchOptions.defaults()
              .withPreferredBatchSizes(settings.batchSizes())
              .withMaxQueueDelay(Duration.ofMillis(settings.queueDelayMillis()))
              .withQueueSize(QUEUE);
      this.batcher = loaded.newBatcher(Set.of(settings.output()), options);
      this.engine = opened;
      this.model = loaded;
      done = true;
    } finally {
      if (!done) {
        if (loaded != null) {
          loaded.close();
        }
        if (opened != null) {
          opened.close();
        }
      }
    }
  }

  /** The executor's cores, where Spark limits them; else 0, for all that the process may use. */
  private static int threads(ModelSettings settings) {
    if (settings.threads() > 0) {
      return settings.threads();
    }
    SparkEnv environment = SparkEnv.get();
    int cores = environment == null ? 0 : environment.conf().getInt("spark.executor.cores", 0);
    return Math.min(cores, Runtime.getRuntime().availableProcessors());
  }

  /** A file here, one that Spark has brought here, or a pretrained model. */
  private static ModelFile file(String name) {
    Path path = Path.of(name);
    if (!Files.exists(path) && SparkEnv.get() != null) {
      Path brought = Path.of(SparkFiles.get(name));
      if (Files.exists(brought)) {
        return ModelFile.open(brought);
      }
    }
    boolean isFile = Files.exists(path) || name.contains("/") || name.contains(".");
    return isFile ? ModelFile.open(path) : PretrainedModel.of(name).open(ProgressListener.NONE);
  }

  Model model() {
    return model;
  }

  Batcher batcher() {
    return batcher;
  }

  @Override
  public void close() {
    try (engine;
        model) {
      batcher.close();
    }
  }
}
