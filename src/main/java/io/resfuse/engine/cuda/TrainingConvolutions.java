package io.resfuse.engine.cuda;

import io.resfuse.engine.Operation.FusedConv;

/** How a training program runs its convolutions and the batch norms after them. */
interface TrainingConvolutions {
  /** Convolutions without batch norm, or with one that uses its running statistics. */
  FusedConvolutions fused();

  /** The gradients of weights and input of all convolutions. */
  TrainingProducts products();

  /**
   * A convolution, a batch norm with the batch's statistics and what follows; says how readers find
   * the value ({@link TrainingState#setOperand}).
   */
  void addWithStatistics(Program program, FusedConv conv);

  /**
   * The gradient of the raw result of such a convolution. Gives the residual its gradient, where it
   * wants one.
   */
  Buffer throughBatchNorm(Program program, Gradients gradients, FusedConv conv);
}
