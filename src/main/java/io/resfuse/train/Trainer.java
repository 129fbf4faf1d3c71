package io.resfuse.train;

import io.resfuse.engine.Communicator;
import io.resfuse.engine.Engine;
import io.resfuse.engine.Gathering;
import io.resfuse.engine.ParameterSpec;
import io.resfuse.engine.Parameters;
import io.resfuse.engine.Precision;
import io.resfuse.engine.Sharding;
import io.resfuse.engine.TrainingPlan;
import io.resfuse.platform.Printable;
import io.resfuse.tensor.HostTensor;
import io.resfuse.train.recipe.EarlyStopRecipe;
import io.resfuse.train.recipe.LearningRateSchedule;
import io.resfuse.train.recipe.RecipeReader;
import io.resfuse.train.recipe.TrainingRecipe;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Trains a network on any engine. The same job gives the same weights bit for bit, whatever the
 * number of the loader's threads, and whether or not it was interrupted and resumed, as long as the
 * engine is deterministic. One run per trainer, on one thread; {@link #stop} may be called from
 * any.
 *
 * <p>Several processes can train together ({@link TrainingJob#processes}), each with a trainer for
 * its part: the same bits for any number of them. The first writes the checkpoints; to resume, all
 * need them. If one fails or is lost, so do the others.
 */
public final class Trainer {
  private final Engine engine;
  private final TrainingJob job;
  private final Feeding feeding;
  private final Precision precision;
  private final RunOptions options;
  private final TrainingListener listener;
  private final @Nullable Checkpoints checkpoints;
  private final LearningRateSchedule schedule;
  private final LossScaler scaler;
  private final Evaluator evaluator;
  private final GradientProbe probe;
  private final Communicator processes;
  private final @Nullable WeightAverage average;
  private RunState state = new RunState();
  private @Nullable Evaluation lastEvaluation;
  private volatile boolean stopRequested;

  /** What all processes know of it. */
  private boolean stopAgreed;

  private long startNanos;
  private double secondsBefore;
  private long lookNanos;
  private long lookPictures;
  private double learningRate;
  private double epochSpeed;
  private double epochWaited;

  /**
   * A trainer.
   *
   * @param engine what it runs on; not owned
   * @param job what it works on
   * @param precision of activations and products
   * @param options how it runs
   * @param folder of the checkpoints, made if it is missing; null for none
   * @param listener hears how it goes
   */
  public Trainer(
      Engine engine,
      TrainingJob job,
      Precision precision,
      RunOptions options,
      @Nullable Path folder,
      TrainingListener listener) {
    TrainingRecipe recipe = job.recipe();
    this.engine = engine;
    this.job = job;
    this.processes = job.processes();
    this.feeding = Feeding.of(engine, job.training());
    this.precision = precision;
    this.options = options;
    this.listener = listener;
    this.checkpoints = folder == null ? null : new Checkpoints(folder, options.keep());
    this.schedule = recipe.schedule().over(job.stepsPerEpoch(), recipe.epochs());
    this.scaler = new LossScaler(precision == Precision.FP16);
    this.evaluator =
        new Evaluator(
            engine,
            job.network(),
            job.evaluation(),
            job.height(),
            job.width(),
            precision,
            options.mistakes(),
            processes);
    this.probe = new GradientProbe(job.network(), job.frozen());
    this.average =
        recipe.average().isOn()
            ? new WeightAverage(recipe.average(), job.network(), job.initial())
            : null;
  }

  /** Ends the training after the step that runs, with a checkpoint. */
  public void stop() {
    stopRequested = true;
  }

  /**
   * Trains to the end, or until it is stopped.
   *
   * @return what it gave
   * @throws TrainingException if the loss is not finite, if there are checkpoints but it is not to
   *     resume, if they are of another recipe, or not the same in all processes
   */
  public TrainingResult run() {
    @Nullable Checkpoint begin = beginning();
    agree(begin == null ? -1 : begin.state().step);
    try (TrainingPlan plan =
        engine.planTraining(
            job.network(),
            job.initial(),
            feeding.asked(job.options(precision)),
            new Sharding(job.recipe().shards(), processes))) {
      if (begin != null) {
        restore(plan, begin);
      }
      listener.started(start());
      startNanos = System.nanoTime();
      secondsBefore = state.seconds;
      Task task = Task.of(job.network());
      TrainStep step = new TrainStep(plan, task, job.recipe(), scaler, processes);
      while (state.epoch < job.recipe().epochs() && !exhausted()) {
        if (!runEpoch(plan, step)) {
          save(plan, false);
          return result(weights(plan), true);
        }
        endEpoch(plan);
      }
      return result(chosen(plan), false);
    }
  }

  private @Nullable Checkpoint beginning() {
    if (checkpoints == null) {
      return null;
    }
    checkpoints.prepare();
    if (!options.resume()) {
      if (checkpoints.any()) {
        throw new TrainingException(
            "there are checkpoints of an earlier training; resume it, or choose another folder");
      }
      return null;
    }
    Checkpoint found = checkpoints.newest(listener::notice);
    if (found == null) {
      listener.notice("there is no whole checkpoint to resume from; beginning at step 0");
      return null;
    }
    List<String> changes =
        RecipeReader.differences(RecipeReader.fromJson(found.recipe()), job.recipe());
    if (!changes.isEmpty()) {
      throw new TrainingException(
          "the checkpoint was made with another recipe; choose another folder, or take back: "
              + String.join("; ", changes));
    }
    if (!found.classes().isEmpty() && !found.classes().equals(job.classes())) {
      throw new TrainingException(
          "the checkpoint's classes are %s, those of the data are %s: the outputs would mean other classes; give the data that it was trained on, or choose another folder"
              .formatted(
                  Printable.beginning(found.classes(), 10),
                  Printable.beginning(job.classes(), 10)));
    }
    return found;
  }

  /** All processes begin at the same step. */
  private void agree(long step) {
    long[] steps = new Gathering(processes, 1).run(step);
    for (int rank = 0; rank < steps.length; rank++) {
      if (steps[rank] != steps[0]) {
        throw new TrainingException(
            "process 0 begins at the checkpoint of step %d, process %d at that of step %d (-1: none); give all the same checkpoints"
                .formatted(steps[0], rank, steps[rank]));
      }
    }
  }

  private void restore(TrainingPlan plan, Checkpoint checkpoint) {
    state = checkpoint.state();
    plan.writeParameters(new Parameters(job.network(), checkpoint.model()));
    plan.writeOptimizerState(checkpoint.optimizer());
    scaler.restore(state.lossScale, state.goodSteps);
    if (average != null) {
      average.set(new Parameters(job.network(), checkpoint.average()), state.averageUpdates);
    }
  }

  private TrainingListener.Start start() {
    long parameters =
        job.network().parameters().values().stream()
            .filter(p -> p.isTrainable() && !job.frozen().contains(p.name()))
            .map(ParameterSpec::shape)
            .mapToLong(shape -> shape.elements())
            .sum();
    return new TrainingListener.Start(
        job.network().name(),
        parameters,
        engine.name() + ", " + engine.description(),
        precision.toString(),
        job.classes(),
        job.training().pictures(),
        job.evaluation().pictures(),
        job.training().batchSize() * processes.size() * job.recipe().accumulate(),
        job.recipe().epochs(),
        job.stepsPerEpoch(),
        state.step);
  }

  private boolean exhausted() {
    EarlyStopRecipe early = job.recipe().earlyStop();
    return early.isOn() && state.withoutProgress >= early.patience();
  }

  /** Runs an epoch from where it stands; false if it was stopped before its end. */
  private boolean runEpoch(TrainingPlan plan, TrainStep step) {
    int end = job.stepsPerEpoch() * job.recipe().accumulate();
    long unreadableBefore = state.unreadable;
    long picturesBefore = state.pictures;
    long start = System.nanoTime();
    lookNanos = start;
    lookPictures = state.pictures;
    try (BatchStream batches = feeding.open(state.epoch, state.batch)) {
      while (state.batch < end) {
        if (processes.size() == 1 ? stopRequested : stopAgreed) {
          return false;
        }
        makeStep(plan, step, batches);
        state.unreadable = unreadableBefore + step.unreadable();
        boolean due = options.checkpointSteps() > 0 && state.step % options.checkpointSteps() == 0;
        if (due && state.batch < end) {
          save(plan, false);
        }
      }
      epochWaited = batches.waitedShare();
    }
    epochSpeed = (state.pictures - picturesBefore) / ((System.nanoTime() - start) / 1e9);
    return true;
  }

  private void makeStep(TrainingPlan plan, TrainStep step, BatchStream batches) {
    boolean first = state.batch == 0;
    boolean look = first || (state.step + 1) % options.lookSteps() == 0;
    learningRate = schedule.at(state.step);
    try {
      step.run(
          batches,
          learningRate,
          look ? (f, norm) -> look(plan, step, f, norm, first) : null,
          stopRequested);
    } catch (TrainingException e) {
      throw new TrainingException(
          "step %d (epoch %d): %s".formatted(state.step + 1, state.epoch + 1, e.getMessage()), e);
    }
    stopAgreed = step.stopWanted();
    state.step++;
    state.batch += job.recipe().accumulate();
    state.lossSum += step.loss() * step.pictures();
    state.correct += step.correct();
    state.labels += step.labels();
    state.pictures += step.pictures();
    if (step.skipped()) {
      state.skipped++;
    } else if (average != null) {
      average.afterStep(state.step, plan);
    }
    listener.progress(
        state.step, state.lossSum / state.pictures, (double) state.correct / state.labels);
  }

  private void look(
      TrainingPlan plan, TrainStep step, double factor, double norm, boolean firstOfEpoch) {
    long now = System.nanoTime();
    long pictures = state.pictures + step.pictures();
    listener.step(
        new TrainingListener.Step(
            state.step + 1,
            state.epoch,
            step.loss(),
            (double) step.correct() / step.labels(),
            learningRate,
            norm,
            probe.byStage(plan, factor),
            (pictures - lookPictures) / ((now - lookNanos) / 1e9),
            scaler.scale(),
            seconds()));
    lookNanos = now;
    lookPictures = pictures;
    if (firstOfEpoch) {
      listener.layers(
          new TrainingListener.Layers(state.step + 1, state.epoch, probe.byLayer(plan, factor)));
    }
  }

  private void endEpoch(TrainingPlan plan) {
    int epoch = state.epoch;
    boolean last = epoch + 1 == job.recipe().epochs();
    @Nullable Evaluation evaluation = null;
    boolean best = false;
    if (last || (epoch + 1) % job.recipe().evaluateEvery() == 0) {
      evaluation = evaluator.evaluate(weights(plan));
      lastEvaluation = evaluation;
      double score = Double.isNaN(evaluation.mainScore()) ? 0 : evaluation.mainScore();
      best = score > state.best;
      boolean progress = state.best < 0 || score > state.best + job.recipe().earlyStop().minDelta();
      state.withoutProgress = progress ? 0 : state.withoutProgress + 1;
      state.best = Math.max(state.best, score);
    }
    listener.epoch(
        new TrainingListener.Epoch(
            epoch,
            state.step,
            state.lossSum / state.pictures,
            (double) state.correct / state.labels,
            evaluation,
            best,
            epochSpeed,
            epochWaited,
            state.unreadable,
            state.skipped,
            seconds()));
    state.beginEpoch(epoch + 1);
    save(plan, best);
  }

  /** The weights to be used as they are now. */
  private Parameters weights(TrainingPlan plan) {
    return average == null ? read(plan) : average.average();
  }

  private Parameters read(TrainingPlan plan) {
    Parameters parameters = Parameters.zeros(job.network());
    plan.readParameters(parameters);
    return parameters;
  }

  /** The weights of the best evaluation if that is wanted and known, else the present ones. */
  private Parameters chosen(TrainingPlan plan) {
    if (checkpoints != null && job.recipe().earlyStop().isOn()) {
      Checkpoint best = checkpoints.best();
      if (best != null) {
        return new Parameters(job.network(), average == null ? best.model() : best.average());
      }
    }
    return weights(plan);
  }

  private void save(TrainingPlan plan, boolean best) {
    if (checkpoints == null || processes.rank() != 0) {
      return;
    }
    state.seconds = seconds();
    state.lossScale = scaler.scale();
    state.goodSteps = scaler.goodSteps();
    state.averageUpdates = average == null ? 0 : average.updates();
    Map<String, HostTensor> averaged =
        average == null ? Map.of() : new LinkedHashMap<>(average.average().asMap());
    Checkpoint checkpoint =
        new Checkpoint(
            state,
            RecipeReader.toJson(job.recipe()),
            job.classes(),
            read(plan).asMap(),
            plan.readOptimizerState(),
            averaged);
    if (best) {
      checkpoints.saveBest(checkpoint);
    }
    listener.checkpoint(checkpoints.save(checkpoint), state.step);
  }

  private double seconds() {
    return secondsBefore + (System.nanoTime() - startNanos) / 1e9;
  }

  private TrainingResult result(Parameters parameters, boolean stopped) {
    return new TrainingResult(
        parameters, lastEvaluation, state.step, state.epoch, seconds(), state.unreadable, stopped);
  }
}
