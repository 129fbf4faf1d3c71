package io.resfuse.train;

import io.resfuse.engine.TrainingPlan;
import java.nio.FloatBuffer;
import java.util.List;

/** Cross-entropy of pictures that have a class, or a share of each class. */
final class PictureLoss implements BatchLoss {
  private final TrainingPlan plan;
  private final double smoothing;
  private final FloatBuffer logits;
  private final int classes;
  private final List<FloatBuffer> gradients;
  private long labels;
  private long correct;

  PictureLoss(TrainingPlan plan, double smoothing) {
    this.plan = plan;
    this.smoothing = smoothing;
    this.logits = plan.output(Task.LOGITS);
    this.classes = plan.outputShape(Task.LOGITS).dimension(1);
    this.gradients = List.of(plan.outputGradient(Task.LOGITS));
  }

  @Override
  public double run(BatchStream batches) {
    FloatBuffer targets = batches.targets();
    double loss =
        targets == null
            ? plan.softmaxCrossEntropy(batches.labels(), smoothing)
            : plan.softmaxCrossEntropy(targets);
    count(batches.labels());
    return loss;
  }

  private void count(int[] labelsOfBatch) {
    labels = 0;
    correct = 0;
    for (int i = 0; i < labelsOfBatch.length; i++) {
      if (labelsOfBatch[i] >= 0) {
        labels++;
        correct += Ranks.of(logits, i * classes, classes, labelsOfBatch[i]) == 0 ? 1 : 0;
      }
    }
  }

  @Override
  public long labels() {
    return labels;
  }

  @Override
  public long correct() {
    return correct;
  }

  @Override
  public List<FloatBuffer> gradients() {
    return gradients;
  }
}
