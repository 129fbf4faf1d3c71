package io.resfuse.train;

import io.resfuse.engine.Communicator;
import io.resfuse.engine.Gathering;
import io.resfuse.engine.TrainingPlan;
import io.resfuse.train.recipe.TrainingRecipe;
import java.nio.FloatBuffer;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * One optimizer step: some batches forward and backward, their gradients averaged, scaled, clipped
 * and applied. Allocates nothing. Not thread-safe.
 */
final class TrainStep {
  /** Looks at the gradients between backward and update. */
  @FunctionalInterface
  interface Inspector {
    /**
     * Called once per step.
     *
     * @param factor by which the gradients in the plan are to be multiplied to be those of the loss
     * @param norm of the gradients of the loss, before clipping
     */
    void look(double factor, double norm);
  }

  private final TrainingPlan plan;
  private final int accumulate;
  private final double clipNorm;
  private final LossScaler scaler;
  private final BatchLoss batchLoss;
  private final long[] own = new long[5];
  private final long[] ofAll = new long[5];
  private final Gathering gathering;
  private double loss;
  private boolean skipped;

  /**
   * A step.
   *
   * @param task what the network learns
   * @param processes that make it together
   */
  TrainStep(
      TrainingPlan plan,
      Task task,
      TrainingRecipe recipe,
      LossScaler scaler,
      Communicator processes) {
    this.gathering = new Gathering(processes, own.length);
    this.plan = plan;
    this.accumulate = recipe.accumulate();
    this.clipNorm = recipe.clipNorm();
    this.scaler = scaler;
    this.batchLoss = task.loss(plan, recipe);
  }

  /** The mean loss of the last step's batches. */
  double loss() {
    return loss;
  }

  /** How many of the last step's labels had the largest logit. */
  long correct() {
    return ofAll[0];
  }

  /** The pictures of the last step. */
  long pictures() {
    return ofAll[1];
  }

  /** The labels of the last step, of pictures or of pixels. */
  long labels() {
    return ofAll[4];
  }

  /** Pictures that could not be read so far, of the streams of all processes. */
  long unreadable() {
    return ofAll[2];
  }

  /** Whether any of the processes wanted to stop when it began the last step. */
  boolean stopWanted() {
    return ofAll[3] > 0;
  }

  /** Whether the last step changed no weights, because its gradients were not finite (fp16). */
  boolean skipped() {
    return skipped;
  }

  /**
   * Makes a step.
   *
   * @param batches has as many left as are accumulated
   * @param learningRate of the step
   * @param inspector null if nobody looks
   * @param stop whether this process wants the step to be the last
   * @throws TrainingException if the loss is not finite and loss scaling is off
   */
  void run(BatchStream batches, double learningRate, @Nullable Inspector inspector, boolean stop) {
    loss = 0;
    own[0] = 0;
    own[1] = 0;
    own[4] = 0;
    for (int i = 0; i < accumulate; i++) {
      if (!batches.advance()) {
        throw new IllegalStateException("the epoch has fewer batches than it says");
      }
      accumulate(batches, i > 0);
    }
    loss /= accumulate;
    own[2] = batches.unreadable();
    own[3] = stop ? 1 : 0;
    gathering.sum(own, ofAll);
    if (!scaler.isOn() && !Double.isFinite(loss)) {
      throw new TrainingException(
          "the loss is " + loss + "; lower the learning rate, warm up, or clip the gradients");
    }
    apply(learningRate, inspector);
  }

  private void accumulate(BatchStream batches, boolean add) {
    Feeding.put(batches, plan);
    plan.forward();
    loss += batchLoss.run(batches);
    own[0] += batchLoss.correct();
    own[4] += batchLoss.labels();
    for (int label : batches.labels()) {
      own[1] += label >= 0 ? 1 : 0;
    }
    if (scaler.scale() != 1) {
      scaleGradients((float) scaler.scale());
    }
    plan.backward(add);
  }

  private void scaleGradients(float scale) {
    List<FloatBuffer> gradients = batchLoss.gradients();
    for (int output = 0; output < gradients.size(); output++) {
      FloatBuffer gradient = gradients.get(output);
      for (int i = 0; i < gradient.capacity(); i++) {
        gradient.put(i, scale * gradient.get(i));
      }
    }
  }

  private void apply(double learningRate, @Nullable Inspector inspector) {
    double factor = 1 / (accumulate * scaler.scale());
    boolean needsNorm = clipNorm > 0 || scaler.isOn() || inspector != null;
    double norm = needsNorm ? factor * plan.gradientNorm() : 0;
    if (inspector != null) {
      inspector.look(factor, norm);
    }
    skipped = !scaler.accept(Double.isFinite(norm) && Double.isFinite(loss));
    if (!skipped) {
      plan.update(learningRate, factor * clipping(norm, clipNorm));
    }
  }

  /**
   * What gradients are multiplied by so that their norm is at most a limit, as PyTorch's {@code
   * clip_grad_norm_} has it.
   */
  static double clipping(double norm, double limit) {
    return limit > 0 ? Math.min(1, limit / (norm + 1e-6)) : 1;
  }
}
