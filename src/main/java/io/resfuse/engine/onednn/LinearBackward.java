package io.resfuse.engine.onednn;

import static org.bytedeco.dnnl.global.dnnl.*;

import io.resfuse.engine.Operation.Linear;
import io.resfuse.engine.onednn.TrainingWeights.Entry;
import org.bytedeco.dnnl.dnnl_memory_desc;
import org.bytedeco.dnnl.dnnl_primitive_desc;

/** Adds the backward pass of linear layers: three matrix products. Not thread-safe. */
final class LinearBackward {
  private final Scope scope;
  private final int type;
  private final TrainingLayouts layouts;
  private final TrainingParts parts;
  private final TrainingWeights weights;
  private final ValueGradients gradients;

  LinearBackward(TrainingLayouts layouts, TrainingParts parts, ValueGradients gradients) {
    this.scope = layouts.scope();
    this.type = layouts.type();
    this.layouts = layouts;
    this.parts = parts;
    this.weights = parts.weights();
    this.gradients = gradients;
  }

  /**
   * Adds the steps.
   *
   * @param linear the layer
   * @param packed its weights in the type of the products
   * @param gradient of its result
   * @param time of the steps
   */
  void add(Linear linear, Buffer packed, Buffer gradient, int time) {
    long batch = layouts.options().batch();
    long in = linear.input().channels();
    long out = linear.output().channels();
    dnnl_memory_desc dy = Dnnl.matrix(scope, type, batch, out);
    dnnl_memory_desc dyTransposed =
        Dnnl.strided(scope, type, new long[] {out, batch}, new long[] {1, out});
    Entry weight = weights.get(linear.weight());
    if (weight.isTrained()) {
      GradientStep step =
          new GradientStep(
                  parts,
                  linear.name() + " weights",
                  MatrixProducts.of(
                      scope, dyTransposed, layouts.desc(linear.input()), null, weight.layout()),
                  time)
              .with(DNNL_ARG_SRC, dyTransposed, gradient)
              .with(DNNL_ARG_WEIGHTS, layouts.desc(linear.input()), parts.valueOf(linear.input()))
              .gradient(DNNL_ARG_DST, weight, weight.layout());
      step.end();
    }
    Entry bias = weights.get(linear.bias());
    if (bias.isTrained()) {
      dnnl_memory_desc row = Dnnl.matrix(scope, type, 1, batch);
      dnnl_memory_desc sums = Dnnl.matrix(scope, Dnnl.F32, 1, out);
      new GradientStep(
              parts, linear.name() + " bias", MatrixProducts.of(scope, row, dy, null, sums), time)
          .with(DNNL_ARG_SRC, row, parts.ones(batch, row))
          .with(DNNL_ARG_WEIGHTS, dy, gradient)
          .gradient(DNNL_ARG_DST, bias, sums)
          .end();
    }
    if (gradients.isWanted(linear.input())) {
      dnnl_memory_desc matrix = Dnnl.matrix(scope, type, out, in);
      dnnl_memory_desc dx = Dnnl.matrix(scope, type, batch, in);
      Buffer target = parts.arena(dx);
      dnnl_primitive_desc desc = MatrixProducts.of(scope, dy, matrix, null, dx);
      for (Steps steps : parts.backwards()) {
        steps
            .add(linear.name() + " data", desc, time)
            .with(DNNL_ARG_SRC, dy, gradient)
            .with(DNNL_ARG_WEIGHTS, matrix, packed)
            .with(DNNL_ARG_DST, dx, target);
      }
      gradients.contribute(linear.input(), target, time);
    }
  }
}
