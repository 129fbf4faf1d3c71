package io.resfuse.engine.cuda.internal.backend;

import io.resfuse.engine.Operation.FusedConv;
import io.resfuse.engine.cuda.internal.program.Buffer;
import io.resfuse.engine.cuda.internal.program.Program;

/** The convolutions of a training program, and the batch norms after them. Not thread-safe. */
public interface TrainingConvolutions extends AutoCloseable {
  /** Convolutions without batch norm, or with one that uses its running statistics. */
  InferenceConvolutions inference();

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

  /**
   * The gradient of the weights, added to what is there if the binding accumulates.
   *
   * @param outputGradient that of the layer's raw result
   * @param gradient floats, laid out as the weights
   */
  void weightGradient(Program program, Layer layer, Buffer outputGradient, Buffer gradient);

  /**
   * The gradient of the input, a contribution to that of the value.
   *
   * @param outputGradient that of the layer's raw result
   */
  void inputGradient(Program program, Layer layer, Buffer outputGradient, Gradients gradients);

  /** Frees what is held on the host. Idempotent. */
  @Override
  void close();
}
