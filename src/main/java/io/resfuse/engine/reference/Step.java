package io.resfuse.engine.reference;

/** One operation of a network, bound to its tensors. */
interface Step {
  /**
   * Computes the output from the inputs.
   *
   * @param training whether batch norms that are not frozen take batch statistics
   */
  void forward(boolean training);

  /**
   * Adds to the gradients of inputs and parameters, those that are wanted, what the output's
   * gradient causes. May overwrite the output's gradient.
   */
  void backward();
}
