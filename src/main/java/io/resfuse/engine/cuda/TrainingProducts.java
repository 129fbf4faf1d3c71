package io.resfuse.engine.cuda;

/** How a training program computes the gradients of a product. */
interface TrainingProducts {
  /**
   * The gradient of the weights, added to what is there if the binding accumulates.
   *
   * @param outputGradient that of the layer's raw result
   * @param gradient floats, laid out as the weights
   */
  void weightGradient(Program program, Layer layer, Buffer outputGradient, Buffer gradient);

  /**
   * The gradient of the input.
   *
   * @param outputGradient that of the layer's raw result
   * @param target where it goes
   */
  void inputGradient(Program program, Layer layer, Buffer outputGradient, Gradients.Target target);
}
