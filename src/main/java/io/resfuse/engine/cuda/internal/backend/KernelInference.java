package io.resfuse.engine.cuda.internal.backend;

import io.resfuse.engine.cuda.internal.emit.Convolutions;
import io.resfuse.engine.cuda.internal.emit.Emission;
import io.resfuse.engine.cuda.internal.emit.Operand;
import io.resfuse.engine.cuda.internal.layout.ConvolutionShape;
import io.resfuse.engine.cuda.internal.program.Buffer;
import io.resfuse.engine.cuda.internal.program.Program;

/** Convolutions by our kernels, each with all that follows it in one launch. */
final class KernelInference implements InferenceConvolutions {
  private final Convolutions convolutions;

  KernelInference(Emission emission) {
    this.convolutions = new Convolutions(emission);
  }

  @Override
  public boolean canTakeResidualsPlace() {
    return true;
  }

  @Override
  public void add(
      Program program,
      ConvolutionShape shape,
      Operand input,
      Buffer weights,
      Convolutions.Epilogue epilogue,
      Buffer output) {
    convolutions.forward(program, shape, input, weights, epilogue, output, null);
  }

  /** There is nothing to free. */
  @Override
  public void close() {}
}
