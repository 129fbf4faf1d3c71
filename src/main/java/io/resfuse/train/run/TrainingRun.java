package io.resfuse.train.run;

import io.resfuse.data.dataset.Parts;
import io.resfuse.engine.Engine;
import io.resfuse.engine.Parameters;
import io.resfuse.engine.Precision;
import io.resfuse.train.Evaluation;
import io.resfuse.train.Evaluator;
import io.resfuse.train.RunOptions;
import io.resfuse.train.Trainer;
import io.resfuse.train.TrainingException;
import io.resfuse.train.TrainingJob;
import io.resfuse.train.TrainingListener;
import io.resfuse.train.TrainingResult;
import io.resfuse.train.recipe.RecipeReader;
import io.resfuse.weights.ModelFile;
import io.resfuse.weights.format.AtomicFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A training in a folder, from the recipe to the trained file. In the folder are then:
 *
 * <ul>
 *   <li>{@code model.safetensors}: the trained file, which {@code resfuse classify --weights}
 *       takes, or {@code resfuse segment --weights} where pixels have classes
 *   <li>{@code metrics.jsonl}: how it went, as JSON lines ({@link MetricsLog})
 *   <li>{@code evaluation.json}: scores and confusion matrix on the test set
 *   <li>{@code recipe.json}: the recipe in full
 *   <li>{@code split.csv}: what was held out, where the data has no test part; {@code --data} takes
 *       it
 *   <li>{@code checkpoints}: the last few and the best
 * </ul>
 *
 * <p>One run per object, on one thread; {@link #stop} may be called from any.
 */
public final class TrainingRun {
  private final Engine engine;
  private final Precision precision;
  private final TrainingSetup setup;
  private final RunOptions options;
  private final Path folder;
  private final TrainingListener listener;
  private volatile boolean stopRequested;
  private volatile @Nullable Trainer trainer;

  /**
   * A training.
   *
   * @param engine what it runs on; not owned
   * @param precision of activations and products
   * @param setup what is trained
   * @param options how it runs
   * @param folder made if it is missing
   * @param listener hears how it goes
   */
  public TrainingRun(
      Engine engine,
      Precision precision,
      TrainingSetup setup,
      RunOptions options,
      Path folder,
      TrainingListener listener) {
    this.engine = engine;
    this.precision = precision;
    this.setup = setup;
    this.options = options;
    this.folder = folder;
    this.listener = listener;
  }

  /**
   * What was measured so far, in earlier processes too.
   *
   * @return the events
   */
  public RunHistory history() {
    return RunHistory.read(RunFolder.metrics(folder));
  }

  /**
   * What a finished training gave.
   *
   * @param training how it went
   * @param test on the test set; null if it was stopped
   * @param model the trained file; null if it was stopped
   */
  public record Outcome(TrainingResult training, @Nullable Evaluation test, @Nullable Path model) {}

  /** Ends the training after the step that runs, with a checkpoint. */
  public void stop() {
    stopRequested = true;
    Trainer running = trainer;
    if (running != null) {
      running.stop();
    }
  }

  /**
   * Trains, evaluates and writes the files.
   *
   * @return what it gave
   * @throws TrainingException as {@link Trainer#run}, or if another process trains in the folder
   */
  public Outcome run() {
    try (RunFolder files = RunFolder.open(folder)) {
      noteParts(files);
      return run(files);
    }
  }

  /** Writes what is held out; a training that resumes must hold out the same. */
  private void noteParts(RunFolder files) {
    boolean begun = Files.isDirectory(files.checkpoints());
    Parts parts = setup.parts();
    if (parts == null || !parts.heldOut() || (begun && !options.resume())) {
      return;
    }
    listener.notice(
        "the data has no test part: %,d of %,d pictures are held out to measure on, as %s says"
            .formatted(
                setup.test().size(), setup.test().size() + parts.training().size(), files.split()));
    String list = parts.list();
    if (begun && Files.exists(files.split())) {
      String before;
      try {
        before = Files.readString(files.split());
      } catch (IOException e) {
        throw new TrainingException(files.split() + ": cannot be read: " + e, e);
      }
      if (!before.equals(list)) {
        throw new TrainingException(
            files.split()
                + ": the training began with other pictures, or held out others; bring them back,"
                + " or choose another folder");
      }
      return;
    }
    AtomicFile.write(files.split(), list);
  }

  private Outcome run(RunFolder files) {
    try (MetricsFile metrics = new MetricsFile(files.metrics())) {
      TrainingListener all = TrainingListener.all(metrics, listener);
      boolean cached = setup.canCacheFeatures() && fitsIntoMemory(all);
      TrainingJob job = cached ? FeatureCache.job(engine, precision, setup, all) : setup.job();
      Trainer running = new Trainer(engine, job, precision, options, files.checkpoints(), all);
      trainer = running;
      if (stopRequested) {
        running.stop();
      }
      TrainingResult result = running.run();
      if (result.stopped()) {
        return new Outcome(result, null, null);
      }
      Parameters parameters =
          cached ? FeatureCache.joined(setup, result.parameters()) : result.parameters();
      return finish(files, result, parameters);
    }
  }

  private boolean fitsIntoMemory(TrainingListener all) {
    long pictures = (long) setup.plainTraining().pictures() + setup.validationBatches().pictures();
    long needed = FeatureCache.bytes(setup, pictures);
    boolean fits = needed < Runtime.getRuntime().maxMemory() / 2;
    if (!fits) {
      all.notice(
          "the features of %,d pictures (%,d MiB) do not fit into the heap and are not cached"
              .formatted(pictures, needed >> 20));
    }
    return fits;
  }

  private Outcome finish(RunFolder files, TrainingResult result, Parameters parameters) {
    Evaluation last = result.evaluation();
    boolean known = last != null && setup.validatesOnTest() && !setup.recipe().earlyStop().isOn();
    Evaluation test = known && last != null ? last : evaluate(parameters);
    List<String> classes = setup.test().classes();
    AtomicFile.write(files.recipe(), RecipeReader.toJson(setup.recipe()) + "\n");
    AtomicFile.write(files.evaluation(), MetricsLog.toJson(test, classes).toPrettyString() + "\n");
    ModelFile.save(files.model(), setup.metadata(notes(result, test)), parameters);
    return new Outcome(result, test, files.model());
  }

  private Evaluation evaluate(Parameters parameters) {
    return new Evaluator(
            engine,
            setup.network(),
            setup.testBatches(),
            setup.preprocessing().cropHeight(),
            setup.preprocessing().cropWidth(),
            precision,
            options.mistakes())
        .evaluate(parameters);
  }

  private Map<String, String> notes(TrainingResult result, Evaluation test) {
    return Map.of(
        "trained_on",
        setup.training().name(),
        "trained_for",
        result.epochs() + " epochs, seed " + setup.recipe().seed(),
        test.mainMeasure().key(),
        String.format(Locale.ROOT, "%.4f", test.mainScore()));
  }
}
