package io.resfuse.train;

import io.resfuse.engine.Communicator;
import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.Parameters;
import io.resfuse.engine.Precision;
import io.resfuse.engine.TrainingOptions;
import io.resfuse.tensor.TensorLayout;
import io.resfuse.train.recipe.TrainingRecipe;
import java.util.List;
import java.util.Set;

/**
 * What a {@link Trainer} works on: a network with its first weights, and batches.
 *
 * @param recipe how
 * @param network with the output {@code logits}
 * @param initial first weights; not changed
 * @param frozen names of parameters that stay as they are
 * @param training batches to learn from: of each batch this process's part
 * @param evaluation batches to evaluate on during training: this process's of them
 * @param height rows of the network's input
 * @param width columns of the network's input
 * @param classes names
 * @param processes that train together, each with a job of its own; not owned
 */
public record TrainingJob(
    TrainingRecipe recipe,
    NetworkSpec network,
    Parameters initial,
    Set<String> frozen,
    BatchSource training,
    BatchSource evaluation,
    int height,
    int width,
    List<String> classes,
    Communicator processes) {
  /**
   * Copies the collections.
   *
   * @param recipe as in the record
   * @param network as in the record
   * @param initial as in the record
   * @param frozen as in the record
   * @param training as in the record
   * @param evaluation as in the record
   * @param height as in the record
   * @param width as in the record
   * @param classes as in the record
   * @param processes as in the record
   */
  public TrainingJob {
    frozen = Set.copyOf(frozen);
    classes = List.copyOf(classes);
    if (training.batchesPerEpoch() < recipe.accumulate()) {
      throw new IllegalArgumentException(
          "an epoch has %d batches of %d, %d are to be accumulated; choose a smaller batch"
              .formatted(training.batchesPerEpoch(), training.batchSize(), recipe.accumulate()));
    }
  }

  /**
   * A job of one process.
   *
   * @param recipe how
   * @param network with the output {@code logits}
   * @param initial first weights; not changed
   * @param frozen names of parameters that stay as they are
   * @param training batches to learn from
   * @param evaluation batches to evaluate on during training
   * @param height rows of the network's input
   * @param width columns of the network's input
   * @param classes names
   */
  public TrainingJob(
      TrainingRecipe recipe,
      NetworkSpec network,
      Parameters initial,
      Set<String> frozen,
      BatchSource training,
      BatchSource evaluation,
      int height,
      int width,
      List<String> classes) {
    this(
        recipe,
        network,
        initial,
        frozen,
        training,
        evaluation,
        height,
        width,
        classes,
        Communicator.ALONE);
  }

  /** Optimizer steps of an epoch; batches that do not fill one are left out. */
  int stepsPerEpoch() {
    return training.batchesPerEpoch() / recipe.accumulate();
  }

  TrainingOptions options(Precision precision) {
    return new TrainingOptions(
        training.batchSize(),
        height,
        width,
        TensorLayout.NCHW,
        precision,
        Task.of(network).outputs(network, recipe),
        frozen,
        false,
        recipe.optimizer().of(network, recipe.transfer().rates()));
  }
}
