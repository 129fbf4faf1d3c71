package io.resfuse.engine.cuda;

/** Gradients of products by our kernels. */
final class KernelProducts implements TrainingProducts {
  private final TrainingState state;
  private final Convolutions convolutions;

  KernelProducts(TrainingState state) {
    this.state = state;
    this.convolutions = new Convolutions(state.emission());
  }

  @Override
  public void weightGradient(Program program, Layer layer, Buffer outputGradient, Buffer gradient) {
    convolutions.weightGradient(
        program, layer.shape(), state.operand(layer.input()), outputGradient, gradient);
  }

  @Override
  public void inputGradient(
      Program program, Layer layer, Buffer outputGradient, Gradients.Target target) {
    convolutions.inputGradient(
        program,
        layer.shape(),
        outputGradient,
        state.transposed(layer.operation()),
        target.buffer(),
        target.accumulate());
  }
}
