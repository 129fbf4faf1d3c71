package io.resfuse.engine.cuda.internal.backend;

import io.resfuse.engine.cuda.internal.emit.Convolutions;
import io.resfuse.engine.cuda.internal.emit.Operand;
import io.resfuse.engine.cuda.internal.layout.ConvolutionShape;
import io.resfuse.engine.cuda.internal.program.Buffer;
import io.resfuse.engine.cuda.internal.program.Program;

/** The convolutions of a forward pass with running statistics. Not thread-safe. */
public interface InferenceConvolutions extends AutoCloseable {
  /** Whether a result may be written over its residual. */
  boolean canTakeResidualsPlace();

  /** {@code output = [relu](convolution(input, weights) * scale + bias + residual)}. */
  void add(
      Program program,
      ConvolutionShape shape,
      Operand input,
      Buffer weights,
      Convolutions.Epilogue epilogue,
      Buffer output);

  /** Frees what is held on the host. Idempotent. */
  @Override
  void close();
}
