package io.resfuse.engine.onednn;

import org.bytedeco.dnnl.dnnl_primitive_desc;
import org.jspecify.annotations.Nullable;

/** What the backward pass of an operation needs of its forward pass. */
final class TrainingLayer {
  /** Null for kernels of our own, of which no primitive is planned. */
  final @Nullable dnnl_primitive_desc forward;

  @Nullable Buffer y;
  @Nullable Buffer workspace;
  @Nullable dnnl_primitive_desc norm;
  @Nullable BatchStatistics statistics;

  /** If kernels of our own do the batch norm. */
  @Nullable FusedNorm fused;

  /** If it is squeeze and excitation. */
  @Nullable GateSteps gate;

  /** If the batch norm's channels have many pixels. */
  @Nullable SlicedNorm sliced;

  int flags;

  TrainingLayer(@Nullable dnnl_primitive_desc forward) {
    this.forward = forward;
  }
}
