package io.resfuse.engine.onednn;

import static org.bytedeco.dnnl.global.dnnl.*;

import io.resfuse.engine.Operation.BatchNorm;
import io.resfuse.engine.Operation.FusedConv;
import io.resfuse.engine.onednn.TrainingWeights.Entry;
import org.bytedeco.dnnl.dnnl_memory_desc;
import org.bytedeco.dnnl.dnnl_primitive_desc;

/**
 * Adds the backward pass of batch norms, with the ReLU that is fused with them. Not thread-safe.
 */
final class NormBackward {
  private final Scope scope;
  private final int type;
  private final TrainingParts parts;
  private final TrainingWeights weights;

  NormBackward(TrainingLayouts layouts, TrainingParts parts) {
    this.scope = layouts.scope();
    this.type = layouts.type();
    this.parts = parts;
    this.weights = parts.weights();
  }

  /**
   * Adds the steps.
   *
   * @param conv whose result is normalised
   * @param norm its batch norm
   * @param layer what the forward pass has left
   * @param target the layout of all tensors
   * @param gradient of the result
   * @param dy takes the gradient of what is normalised; may be {@code gradient}
   * @param time of the steps
   */
  void add(
      FusedConv conv,
      BatchNorm norm,
      TrainingLayer layer,
      dnnl_memory_desc target,
      Buffer gradient,
      Buffer dy,
      int time) {
    dnnl_memory_desc vector = Dnnl.vector(scope, conv.output().channels());
    dnnl_primitive_desc forwardDesc = layer.norm;
    BatchStatistics stats = layer.statistics;
    Buffer y = layer.y;
    if (layer.fused != null && y != null) {
      layer.fused.backward(y, parts.valueOf(conv.output()), gradient, dy, time);
      return;
    }
    if (forwardDesc == null || stats == null || y == null) {
      throw new IllegalStateException("no forward pass of " + norm.gamma().name());
    }
    Entry gamma = weights.get(norm.gamma());
    Entry beta = weights.get(norm.beta());
    SlicedNorm sliced = layer.sliced;
    if (sliced != null && type == Dnnl.F32) {
      sliced.backward(
          new SlicedNorm.Tensors(target, y, gradient, dy, layer.workspace), gamma, beta, time);
      return;
    }
    dnnl_primitive_desc desc =
        BatchNorms.backward(scope, target, target, norm.epsilon(), layer.flags, forwardDesc);
    GradientStep step =
        new GradientStep(parts, norm.gamma().name(), desc, time)
            .with(DNNL_ARG_SRC, target, y)
            .with(DNNL_ARG_MEAN, vector, stats.mean())
            .with(DNNL_ARG_VARIANCE, vector, stats.variance())
            .with(DNNL_ARG_DIFF_DST, target, gradient)
            .with(DNNL_ARG_SCALE, vector, gamma.master())
            .with(DNNL_ARG_DIFF_SRC, target, dy)
            .gradient(DNNL_ARG_DIFF_SCALE, gamma, vector)
            .gradient(DNNL_ARG_DIFF_SHIFT, beta, vector);
    if (layer.workspace != null) {
      step.with(DNNL_ARG_WORKSPACE, PrimitiveDescs.workspaceOf(forwardDesc), layer.workspace);
    }
    step.end();
  }
}
