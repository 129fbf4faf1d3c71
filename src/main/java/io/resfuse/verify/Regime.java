package io.resfuse.verify;

import io.resfuse.engine.Optimizer;
import java.util.Set;

/**
 * How a case is trained: two updates, the second at half the learning rate with half the gradients.
 *
 * @param optimizer what updates do
 * @param frozen names of trainable parameters that stay as they are; if there are any, the gradient
 *     of the images is not asked for, so that nothing is computed below them
 * @param batches whose gradients are added up before the updates, which divide by their number
 * @param goesOn whether after the updates it is evaluated, and trained for another step
 */
public record Regime(Optimizer optimizer, Set<String> frozen, int batches, boolean goesOn) {
  /**
   * Copies the set.
   *
   * @param optimizer as in the record
   * @param frozen as in the record
   * @param batches as in the record
   * @param goesOn as in the record
   */
  public Regime {
    frozen = Set.copyOf(frozen);
  }

  /** SGD with momentum and weight decay, nothing frozen, a batch. */
  static Regime standard() {
    return of(Optimizer.Sgd.standard());
  }

  /** Nothing frozen, a batch. */
  static Regime of(Optimizer optimizer) {
    return new Regime(optimizer, Set.of(), 1, false);
  }

  /** The same, and what has been updated is used. */
  Regime andOn() {
    return new Regime(optimizer, frozen, batches, true);
  }

  boolean wantsInputGradient() {
    return frozen.isEmpty();
  }

  /** Of an update, the first being 1; Adam moves every weight by about as much. */
  double learningRate(int update) {
    return (optimizer instanceof Optimizer.Sgd ? 0.1 : 0.001) / update;
  }

  double gradientScale(int update) {
    return 1.0 / (update * batches);
  }
}
