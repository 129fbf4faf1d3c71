package io.resfuse.engine;

import io.resfuse.tensor.TensorLayout;
import java.util.Set;

/**
 * What a plan is made for.
 *
 * @param batch images per run
 * @param height rows
 * @param width columns
 * @param layout the order of input and outputs in the plan's host buffers
 * @param outputs keys of {@link NetworkSpec#outputs()}; only what leads to them is run
 */
public record PlanRequest(
    int batch, int height, int width, TensorLayout layout, Set<String> outputs) {
  /**
   * Checks the ranges and copies the set.
   *
   * @param batch as in the record
   * @param height as in the record
   * @param width as in the record
   * @param layout as in the record
   * @param outputs as in the record
   */
  public PlanRequest {
    if (batch < 1 || height < 1 || width < 1) {
      throw new IllegalArgumentException(
          "a plan needs at least one image of one pixel, got "
              + batch
              + " of "
              + height
              + "x"
              + width);
    }
    if (outputs.isEmpty()) {
      throw new IllegalArgumentException("a plan needs at least one output");
    }
    outputs = Set.copyOf(outputs);
  }

  /**
   * A plan for the logits.
   *
   * @param batch images per run
   * @param size rows and columns
   * @return a request in NCHW
   */
  public static PlanRequest logits(int batch, int size) {
    return new PlanRequest(batch, size, size, TensorLayout.NCHW, Set.of("logits"));
  }
}
