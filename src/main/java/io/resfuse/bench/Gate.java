package io.resfuse.bench;

import io.resfuse.engine.Engine.Mode;
import io.resfuse.verify.Parity;
import java.util.Optional;
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
  private Parity.@Nullable Arithmetic howFirst;

  Gate(Parity parity, Task task) {
    this.parity = parity;
    this.task = task;
  }

  private boolean isInference() {
    return task.workload().mode() == Mode.INFERENCE;
  }

  /** What a right answer was held against. */
  String heldAgainst(Competitor competitor) {
    if (isInference()) {
      return "held against float64: the first image";
    }
    return competitor.engine().isEmpty()
        ? "its logits held against the first engine's"
        : "held against float64: a step of %d images of %dx%d"
            .formatted(task.small().batch(), task.small().height(), task.small().width());
  }

  /** Why a competitor cannot be judged: there may be nothing to hold its answer against. */
  Optional<String> whyNot(Competitor competitor) {
    return isInference() || competitor.engine().isPresent() || first != null
        ? Optional.empty()
        : Optional.of(
            "a peer shows no gradients, and no engine has a right answer to hold its against; name"
                + " one with --engine, too");
  }

  /**
   * Judges.
   *
   * @param how the answer was computed
   * @param answer to the task
   * @param training of training, what a small batch has shown
   */
  Parity.Finding judge(Parity.Arithmetic how, float[] answer, Parity.Finding training) {
    Parity.Finding finding = isInference() ? parity.inference(how, task.test(), answer) : training;
    float[] expected = first;
    Parity.Arithmetic howExpected = howFirst;
    if (finding.miss().isEmpty() && expected == null) {
      first = answer;
      howFirst = how;
    }
    return finding.miss().isPresent() || expected == null || howExpected == null
        ? finding
        : finding.and(
            parity.agreement(
                task.workload().mode(),
                how,
                task.test(),
                task.small(),
                answer,
                howExpected,
                expected));
  }
}
