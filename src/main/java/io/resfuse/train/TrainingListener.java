package io.resfuse.train;

import io.resfuse.train.recipe.Stages;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Hears how a training goes, on the thread that trains. What it throws ends the training. */
public interface TrainingListener {
  /** Hears nothing. */
  TrainingListener NONE = new TrainingListener() {};

  /**
   * What is trained.
   *
   * @param network its name
   * @param parameters numbers that are trained
   * @param engine what it runs on
   * @param precision of activations and products
   * @param classes names
   * @param pictures that are trained on
   * @param evaluated pictures of the evaluations during training
   * @param batch pictures per optimizer step
   * @param epochs at most
   * @param stepsPerEpoch optimizer steps
   * @param step steps that were made before, in an earlier process
   */
  record Start(
      String network,
      long parameters,
      String engine,
      String precision,
      List<String> classes,
      int pictures,
      int evaluated,
      int batch,
      int epochs,
      int stepsPerEpoch,
      long step) {
    /**
     * Copies the list.
     *
     * @param network as in the record
     * @param parameters as in the record
     * @param engine as in the record
     * @param precision as in the record
     * @param classes as in the record
     * @param pictures as in the record
     * @param evaluated as in the record
     * @param batch as in the record
     * @param epochs as in the record
     * @param stepsPerEpoch as in the record
     * @param step as in the record
     */
    public Start {
      classes = List.copyOf(classes);
    }
  }

  /**
   * A look at one step, made every so many steps.
   *
   * @param step its number, from 1
   * @param epoch from 0
   * @param loss of this step's batches
   * @param accuracy of this step's batches: the share of pictures, or of pixels with a label, whose
   *     own class has the largest logit, 0 to 1; NaN if there is no label
   * @param learningRate of this step
   * @param gradientNorm of all gradients, before clipping
   * @param stageNorms of the gradients by stage ({@link Stages})
   * @param imagesPerSecond since the look before
   * @param lossScale 1 but for fp16
   * @param seconds of training so far, earlier processes included
   */
  record Step(
      long step,
      int epoch,
      double loss,
      double accuracy,
      double learningRate,
      double gradientNorm,
      Map<String, Double> stageNorms,
      double imagesPerSecond,
      double lossScale,
      double seconds) {}

  /**
   * The gradients of one step by layer, looked at in the first step of every epoch.
   *
   * @param step its number, from 1
   * @param epoch from 0
   * @param norms by convolution or linear layer the norm of its weights' gradient
   */
  record Layers(long step, int epoch, Map<String, Double> norms) {}

  /**
   * An epoch that is over.
   *
   * @param epoch from 0
   * @param step steps so far
   * @param trainingLoss mean over the epoch, while the weights changed
   * @param trainingAccuracy as {@link Step#accuracy}, on augmented pictures, while the weights
   *     changed
   * @param evaluation null if this epoch had none
   * @param best whether the evaluation is the best so far
   * @param imagesPerSecond of the epoch without its evaluation
   * @param waitedShare share of the epoch's time spent waiting for data
   * @param unreadable pictures that could not be read so far
   * @param skipped steps that fp16 skipped so far
   * @param seconds of training so far, evaluations and earlier processes included
   */
  record Epoch(
      int epoch,
      long step,
      double trainingLoss,
      double trainingAccuracy,
      @Nullable Evaluation evaluation,
      boolean best,
      double imagesPerSecond,
      double waitedShare,
      long unreadable,
      long skipped,
      double seconds) {}

  /**
   * It begins, or goes on.
   *
   * @param start what is trained
   */
  default void started(Start start) {}

  /**
   * A step was made. Called at every one: should return soon and allocate nothing.
   *
   * @param step its number, from 1
   * @param loss mean of the epoch so far
   * @param accuracy of the epoch so far, 0 to 1
   */
  default void progress(long step, double loss, double accuracy) {}

  /**
   * A look at a step.
   *
   * @param step what was seen
   */
  default void step(Step step) {}

  /**
   * A look at the layers.
   *
   * @param layers what was seen
   */
  default void layers(Layers layers) {}

  /**
   * An epoch is over.
   *
   * @param epoch how it went
   */
  default void epoch(Epoch epoch) {}

  /**
   * A checkpoint lies on the disk, synced.
   *
   * @param file where
   * @param step from which a training would go on
   */
  default void checkpoint(Path file, long step) {}

  /**
   * Something that a person should know.
   *
   * @param line one line
   */
  default void notice(String line) {}

  /**
   * One listener in place of several.
   *
   * @param listeners called in this order
   * @return a listener that calls them all
   */
  static TrainingListener all(TrainingListener... listeners) {
    return new ListenerList(List.of(listeners));
  }
}
