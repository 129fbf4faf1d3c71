package io.resfuse.engine.cuda;

/** How a forward pass with running statistics convolves. */
interface FusedConvolutions {
  /** Whether a result may be written over its residual. */
  default boolean canTakeResidualsPlace() {
    return true;
  }

  /** {@code output = [relu](convolution(input, weights) * scale + bias + residual)}. */
  void add(
      Program program,
      ConvolutionShape shape,
      Operand input,
      Buffer weights,
      Convolutions.Epilogue epilogue,
      Buffer output);
}
