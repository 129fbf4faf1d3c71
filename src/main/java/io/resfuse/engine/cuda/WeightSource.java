package io.resfuse.engine.cuda;

import io.resfuse.engine.Operation;
import io.resfuse.engine.Operation.FusedConv;
import io.resfuse.engine.Operation.Linear;
import io.resfuse.engine.Operation.SqueezeExcite;
import io.resfuse.engine.cuda.internal.emit.Convolutions;
import io.resfuse.engine.cuda.internal.emit.Gates;
import io.resfuse.engine.cuda.internal.program.Buffer;
import io.resfuse.engine.cuda.internal.program.Program;
import org.jspecify.annotations.Nullable;

/** Where a forward pass with running statistics finds its weights. */
interface WeightSource {
  /** The weights of a convolution or linear layer, as tensors are stored. */
  Buffer weights(Operation operation);

  /** What follows a convolution; may add steps that prepare it. */
  Convolutions.Epilogue epilogue(Program program, FusedConv conv, @Nullable Buffer residual);

  /** The bias of a linear layer, floats. */
  Buffer bias(Linear linear);

  /** The parameters of squeeze and excitation, floats. */
  Gates.Weights gate(SqueezeExcite operation);
}
