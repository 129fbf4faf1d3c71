package io.resfuse.bench;

import io.resfuse.engine.Engine.Mode;
import io.resfuse.verify.Parity;
import org.jspecify.annotations.Nullable;

/**
 * Lets through who answers a task rightly. In inference the first image is held against float64 on
 * the very plan that is timed; in training a small batch is. All images of the timed plan are held
 * against the answer of the first that was let through. Not thread-safe.
 */
final class Gate {
  private final Parity parity;
  private final Task task;
  private float @Nullable [] first;

  Gate(Parity parity, Task task) {
    this.parity = parity;
    this.task = task;
  }

  private boolean isInference() {
    return task.workload().mode() == Mode.INFERENCE;
  }

  /** What right answers were held against. */
  String heldAgainst() {
    return "held against float64: "
        + (isInference()
            ? "the first image"
            : "a step of %d images of %dx%d"
                .formatted(task.small().batch(), task.small().height(), task.small().width()));
  }

  /**
   * Judges.
   *
   * @param answer to the task
   * @param training of training, what a small batch has shown
   */
  Parity.Finding judge(float[] answer, Parity.Finding training) {
    Parity.Finding finding =
        isInference()
            ? parity.inference(task.workload().precision(), task.test(), answer)
            : training;
    float[] expected = first;
    if (finding.miss().isEmpty() && expected == null) {
      first = answer;
    }
    return finding.miss().isPresent() || expected == null
        ? finding
        : finding.and(
            parity.agreement(
                task.workload().mode(),
                task.workload().precision(),
                task.test(),
                task.small(),
                answer,
                expected));
  }
}
