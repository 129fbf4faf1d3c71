package io.resfuse.train;

import io.resfuse.engine.TrainingPlan;
import java.nio.FloatBuffer;
import java.util.List;

/** Cross-entropy of pictures that have a class, or a share of each class. */
final class PictureLoss extends BatchLoss {
  private final TrainingPlan plan;
  private final double smoothing;
  private final FloatBuffer logits;
  private final int classes;

  PictureLoss(TrainingPlan plan, double smoothing) {
    super(List.of(plan.outputGradient(Task.LOGITS)));
    this.plan = plan;
    this.smoothing = smoothing;
    this.logits = plan.output(Task.LOGITS);
    this.classes = plan.outputShape(Task.LOGITS).dimension(1);
  }

  @Override
  double compute(BatchStream batches) {
    FloatBuffer targets = batches.targets();
    double loss =
        targets == null
            ? plan.softmaxCrossEntropy(batches.labels(), smoothing)
            : plan.softmaxCrossEntropy(targets);
    countAll(batches.labels());
    return loss;
  }

  private void countAll(int[] labels) {
    for (int i = 0; i < labels.length; i++) {
      if (labels[i] >= 0) {
        count(Ranks.of(logits, i * classes, classes, labels[i]) == 0);
      }
    }
  }
}
