package io.resfuse.spark;

import io.resfuse.data.DataException;
import io.resfuse.data.dataset.Parts;
import io.resfuse.engine.Communicator;
import io.resfuse.engine.Engine;
import io.resfuse.engine.EngineException;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.Engines;
import io.resfuse.engine.Gathering;
import io.resfuse.engine.Precision;
import io.resfuse.train.Evaluation;
import io.resfuse.train.RunOptions;
import io.resfuse.train.Trainer;
import io.resfuse.train.TrainingListener;
import io.resfuse.train.TrainingResult;
import io.resfuse.train.recipe.RecipeReader;
import io.resfuse.train.recipe.TrainingRecipe;
import io.resfuse.train.run.TrainingSetup;
import io.resfuse.weights.ModelFile;
import java.io.IOException;
import java.io.Serializable;
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Stream;
import org.apache.spark.BarrierTaskContext;
import org.apache.spark.SecurityManager;
import org.apache.spark.SparkEnv;
import org.apache.spark.util.Utils;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import scala.Tuple2;
import scala.collection.Iterator;
import scala.jdk.javaapi.CollectionConverters;
import scala.runtime.AbstractFunction1;

/**
 * What a worker does in the barrier stage: keeps the rows, finds the others, and trains its shards
 * from the newest checkpoint on. The first gives a line about how it went.
 */
final class TrainingTask
    extends AbstractFunction1<Iterator<Tuple2<Integer, byte[]>>, Iterator<String>>
    implements Serializable {
  /** In the folder of the training. */
  static final String MODEL = "model.safetensors";

  private static final Logger log = LoggerFactory.getLogger(TrainingTask.class);
  private static final String ROWS = "rows.txt";
  private static final int KEPT_CHECKPOINTS = 2;
  private static final int LOOK_STEPS = 100;

  private final TrainingSettings settings;

  TrainingTask(TrainingSettings settings) {
    this.settings = settings;
  }

  @Override
  public Iterator<String> apply(Iterator<Tuple2<Integer, byte[]>> rows) {
    BarrierTaskContext task = BarrierTaskContext.get();
    Path work = null;
    try {
      work = Files.createTempDirectory(Path.of(Utils.getLocalDir(conf())), "resfuse-training-");
      return CollectionConverters.asScala(run(task, rows, work).iterator());
    } catch (IOException e) {
      throw new UncheckedIOException("a worker's folder cannot be made: " + e.getMessage(), e);
    } finally {
      remove(work);
    }
  }

  private static org.apache.spark.SparkConf conf() {
    return SparkEnv.get().conf();
  }

  private static void remove(Path work) {
    if (work == null) {
      return;
    }
    try (Stream<Path> all = Files.walk(work)) {
      for (Path path : all.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(path);
      }
    } catch (IOException e) {
      log.warn("{} could not be removed: {}", work, e.toString());
    }
  }

  private List<String> run(
      BarrierTaskContext task, Iterator<Tuple2<Integer, byte[]>> rows, Path work) {
    java.util.Iterator<byte[]> bytes = CollectionConverters.asJava(rows.map(new Second()));
    try (SpooledRows spooled =
            SpooledRows.write(
                bytes,
                settings.classes(),
                settings.paths(),
                work.resolve("rows"),
                settings.spoolBytes());
        SocketCommunicator workers = connect(task);
        Engine engine =
            Engines.open(
                settings.engine(),
                new EngineOptions(
                    settings.threads() > 0 ? settings.threads() : task.cpus(),
                    TaskDevice.of(task, settings.engine(), settings.device())))) {
      RemoteFolder folder = new RemoteFolder(settings.folder(), settings.configuration().value());
      requireSameRows(spooled.fingerprint(), workers, folder);
      CheckpointMirror mirror = new CheckpointMirror(work.resolve("checkpoints"), folder);
      mirror.fetch();
      return train(task, engine, spooled, workers, mirror, folder, work);
    }
  }

  /** The rows' bytes without the number of the worker. */
  private static final class Second extends AbstractFunction1<Tuple2<Integer, byte[]>, byte[]>
      implements Serializable {
    @Override
    public byte[] apply(Tuple2<Integer, byte[]> row) {
      return row._2();
    }
  }

  private SocketCommunicator connect(BarrierTaskContext task) {
    SparkEnv environment = SparkEnv.get();
    String host = environment.blockManager().blockManagerId().host();
    ServerSocketChannel listener = null;
    boolean done = false;
    try {
      listener = ServerSocketChannel.open().bind(new InetSocketAddress(host, 0), 128);
      int port = ((InetSocketAddress) listener.getLocalAddress()).getPort();
      List<InetSocketAddress> addresses = new ArrayList<>();
      for (String each : task.allGather(port + " " + host)) {
        String[] parts = each.split(" ", 2);
        addresses.add(new InetSocketAddress(parts[1], Integer.parseInt(parts[0])));
      }
      SocketCommunicator connected =
          SocketCommunicator.connect(
              task.partitionId(),
              addresses,
              listener,
              new Handshake(secret(environment.securityManager()), task.stageAttemptNumber()),
              Duration.ofSeconds(settings.timeoutSeconds()),
              task::isInterrupted);
      done = true;
      return connected;
    } catch (IOException e) {
      throw new EngineException(
          "worker " + task.partitionId() + " cannot listen on " + host + ": " + e.getMessage(), e);
    } finally {
      if (!done && listener != null) {
        try {
          listener.close();
        } catch (IOException e) {
          log.warn("a socket could not be closed: {}", e.toString());
        }
      }
    }
  }

  /** The training's own, and with {@code spark.authenticate} the application's, too. */
  private byte[] secret(SecurityManager security) {
    return security.isAuthenticationEnabled()
        ? Handshake.joined(
            settings.secret(), security.getSecretKey().getBytes(StandardCharsets.UTF_8))
        : settings.secret();
  }

  /** The same on all workers, and as when the training began. */
  private static void requireSameRows(
      String fingerprint, Communicator workers, RemoteFolder folder) {
    long[] all = new Gathering(workers, 1).run(fingerprint.hashCode());
    for (long each : all) {
      if (each != all[0]) {
        throw new DataException(
            "workers have got different rows: the data set gives others each time it is computed;"
                + " cache or write it first");
      }
    }
    String before = folder.text(ROWS);
    if (before != null && !before.equals(fingerprint)) {
      throw new DataException(
          "%s has a training on other rows (%s) than these (%s); choose another checkpointDir"
              .formatted(folder, before, fingerprint));
    }
    if (before == null && workers.rank() == 0) {
      folder.put(ROWS, fingerprint);
    }
  }

  private List<String> train(
      BarrierTaskContext task,
      Engine engine,
      SpooledRows rows,
      SocketCommunicator workers,
      CheckpointMirror mirror,
      RemoteFolder folder,
      Path work) {
    TrainingRecipe recipe = RecipeReader.fromJson(settings.recipe());
    TrainingSetup setup = TrainingSetup.of(recipe, parts(rows, recipe), pretrained(recipe), 1);
    Precision precision =
        recipe.precisionOr(engine.name().equals("reference") ? Precision.FP64 : Precision.FP32);
    engine
        .whyNot(precision, Engine.Mode.TRAINING)
        .ifPresent(
            why -> {
              throw new EngineException(why);
            });
    boolean first = workers.rank() == 0;
    TrainingListener ends = new EndsWithTask(task);
    Trainer trainer =
        new Trainer(
            engine,
            setup.job(workers),
            precision,
            new RunOptions(true, settings.checkpointEvery(), KEPT_CHECKPOINTS, LOOK_STEPS, 0),
            work.resolve("checkpoints"),
            first ? TrainingListener.all(ends, mirror, new LogListener()) : ends);
    TrainingResult result = trainer.run();
    if (!first) {
      return List.of();
    }
    Evaluation evaluation = result.evaluation();
    String top1 =
        evaluation == null ? "unknown" : String.format(Locale.ROOT, "%.4f", evaluation.mainScore());
    Path model = work.resolve(MODEL);
    ModelFile.save(
        model,
        setup.metadata(
            Map.of(
                "trained_for",
                result.epochs() + " epochs, seed " + recipe.seed(),
                "trained_on",
                rows.fingerprint(),
                "top1",
                top1)),
        result.parameters());
    folder.put(MODEL, model);
    return List.of(
        "%d steps, top-1 %s; worker 0 of %d sent %,d bytes to the others in this attempt"
            .formatted(result.step(), top1, workers.size(), workers.bytesSent()));
  }

  private Parts parts(SpooledRows rows, TrainingRecipe recipe) {
    if (settings.hasValidation()) {
      return Parts.of(rows.part(false), rows.part(true));
    }
    double share = Parts.share(recipe.validation(), rows.size());
    return Parts.holdingOut(rows, share, recipe.seed());
  }

  private static ModelFile pretrained(TrainingRecipe recipe) {
    String weights = recipe.transfer().weights();
    if (weights.isEmpty()) {
      return null;
    }
    return ExecutorModel.file(weights);
  }

  /** Ends the training where Spark has given the task up. */
  private record EndsWithTask(BarrierTaskContext task) implements TrainingListener {
    @Override
    public void progress(long step, double loss, double accuracy) {
      if (task.isInterrupted()) {
        throw new EngineException("the task was told to end");
      }
    }
  }

  /** Tells the executor's log. */
  private static final class LogListener implements TrainingListener {
    @Override
    public void started(Start start) {
      log.info(
          "training {} on {} pictures from step {} on",
          start.network(),
          start.pictures(),
          start.step());
    }

    @Override
    public void epoch(Epoch epoch) {
      Evaluation evaluation = epoch.evaluation();
      log.info(
          "epoch {}: loss {}, top-1 {}, {} images/s",
          epoch.epoch() + 1,
          epoch.trainingLoss(),
          evaluation == null ? "not evaluated" : evaluation.mainScore(),
          Math.round(epoch.imagesPerSecond()));
    }

    @Override
    public void notice(String line) {
      log.warn("{}", line);
    }
  }
}
