package io.resfuse.train;

import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.TrainingPlan;
import io.resfuse.tensor.Shape;
import io.resfuse.train.recipe.TrainingRecipe;
import java.util.Set;

/**
 * What a network is to learn: the outputs that have a loss, the loss, and what results are judged
 * by. Everything else of a training is the same for all tasks. Stateless.
 */
interface Task {
  /** The output that results are read from. */
  String LOGITS = "logits";

  /** The output of a segmentation network's auxiliary head. */
  String AUXILIARY = "aux";

  /** The task of a network: that of its output {@link #LOGITS}. */
  static Task of(NetworkSpec network) {
    return network.output(LOGITS).isFlat() ? new PictureTask() : new PixelTask();
  }

  /** The outputs of a training plan. */
  Set<String> outputs(NetworkSpec network, TrainingRecipe recipe);

  /** The loss of a plan with these outputs. */
  BatchLoss loss(TrainingPlan plan, TrainingRecipe recipe);

  /**
   * What counts in an evaluation.
   *
   * @param logits their shape
   * @param mistakes how many of the worst are wanted
   */
  Tally tally(Shape logits, int mistakes);

  /** Each picture has a class. */
  record PictureTask() implements Task {
    @Override
    public Set<String> outputs(NetworkSpec network, TrainingRecipe recipe) {
      return Set.of(LOGITS);
    }

    @Override
    public BatchLoss loss(TrainingPlan plan, TrainingRecipe recipe) {
      return new PictureLoss(plan, recipe.labelSmoothing());
    }

    @Override
    public Tally tally(Shape logits, int mistakes) {
      return new PictureTally(logits.dimension(1), mistakes);
    }
  }

  /** Each pixel has a class, or none. */
  record PixelTask() implements Task {
    @Override
    public Set<String> outputs(NetworkSpec network, TrainingRecipe recipe) {
      boolean both = network.outputs().containsKey(AUXILIARY) && recipe.auxiliaryWeight() > 0;
      return both ? Set.of(LOGITS, AUXILIARY) : Set.of(LOGITS);
    }

    @Override
    public BatchLoss loss(TrainingPlan plan, TrainingRecipe recipe) {
      boolean both = plan.options().outputs().contains(AUXILIARY);
      return new PixelLoss(plan, recipe.labelSmoothing(), both ? recipe.auxiliaryWeight() : 0);
    }

    @Override
    public Tally tally(Shape logits, int mistakes) {
      return new PixelTally(logits.dimension(1), logits.dimension(2) * logits.dimension(3));
    }
  }
}
