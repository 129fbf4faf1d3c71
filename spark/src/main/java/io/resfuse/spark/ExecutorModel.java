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
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Set;
import org.apache.spark.SparkEnv;
import org.apache.spark.SparkFiles;
import org.apache.spark.deploy.SparkHadoopUtil;
import org.apache.spark.util.Utils;

/** A model on an executor, and the queue into which its tasks put pictures. Thread-safe. */
final class ExecutorModel implements AutoCloseable {
  /** Tasks bound what they have in the queue themselves. */
  private static final int QUEUE = 1 << 20;

  private final Engine engine;
  private final Model model;
  private final Batcher batcher;
  private final Path fetched;

  ExecutorModel(ModelSettings settings) {
    Engine opened = null;
    Model loaded = null;
    Path copy = null;
    boolean done = false;
    try {
      opened =
          Engines.open(
              settings.engine(),
              new EngineOptions(threads(settings), settings.device())
                  .withBatchInvariant(settings.batchInvariant()));
      copy = fetch(settings.model());
      ModelFile file = copy == null ? file(settings.model()) : ModelFile.open(copy);
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
      this.fetched = copy;
      done = true;
    } finally {
      if (!done) {
        if (loaded != null) {
          loaded.close();
        }
        if (opened != null) {
          opened.close();
        }
        remove(copy);
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

  /** A copy of a file that is named by a URI; null if it is not. */
  private static Path fetch(String name) {
    if (!name.matches("[A-Za-z][A-Za-z0-9+.-]+:/.*")) {
      return null;
    }
    var remote = new org.apache.hadoop.fs.Path(name);
    Path copy = null;
    boolean done = false;
    try {
      String folder =
          SparkEnv.get() == null
              ? System.getProperty("java.io.tmpdir")
              : Utils.getLocalDir(SparkEnv.get().conf());
      copy = Files.createTempFile(Path.of(folder), "resfuse-", "-" + remote.getName());
      new RemoteFolder(remote.getParent().toString(), SparkHadoopUtil.get().conf())
          .fetch(remote.getName(), copy);
      done = true;
      return copy;
    } catch (IOException e) {
      throw new UncheckedIOException(name + " cannot be copied here: " + e.getMessage(), e);
    } finally {
      if (!done) {
        remove(copy);
      }
    }
  }

  private static void remove(Path copy) {
    try {
      if (copy != null) {
        Files.deleteIfExists(copy);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(copy + " cannot be removed: " + e.getMessage(), e);
    }
  }

  /** A file here, one that Spark has brought here, or a pretrained model. */
  static ModelFile file(String name) {
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
    } finally {
      remove(fetched);
    }
  }
}
