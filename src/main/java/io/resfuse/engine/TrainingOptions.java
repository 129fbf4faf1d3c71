package io.resfuse.engine;

import io.resfuse.tensor.Shape;
import io.resfuse.tensor.TensorLayout;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What a training plan is made for.
 *
 * @param batch images per step
 * @param height rows
 * @param width columns
 * @param layout the order of input, outputs and their gradients in the plan's host buffers
 * @param precision of activations and products; master weights, statistics and gradients of
 *     parameters are float32
 * @param outputs keys of {@link NetworkSpec#outputs()} that can be read and given a gradient
 * @param frozen names of trainable parameters that get no gradient and no update. A batch norm
 *     whose gamma and beta are both frozen uses its running statistics and leaves them as they are
 * @param inputGradient whether the gradient of the images is wanted
 * @param optimizer what {@link TrainingPlan#update} does
 * @param scaling of the pixels that the plan takes in place of floats ({@link
 *     TrainingPlan#pixels}); null for floats. Only for an {@link Engine#takesPixels engine that
 *     takes pixels}
 */
public record TrainingOptions(
    int batch,
    int height,
    int width,
    TensorLayout layout,
    Precision precision,
    Set<String> outputs,
    Set<String> frozen,
    boolean inputGradient,
    Optimizer optimizer,
    @Nullable PixelScaling scaling) {
  /**
   * Copies the sets.
   *
   * @param batch as in the record
   * @param height as in the record
   * @param width as in the record
   * @param layout as in the record
   * @param precision as in the record
   * @param outputs as in the record
   * @param frozen as in the record
   * @param inputGradient as in the record
   * @param optimizer as in the record
   * @param scaling as in the record
   */
  public TrainingOptions {
    if (outputs.isEmpty()) {
      throw new IllegalArgumentException("a training plan needs at least one output");
    }
    outputs = Set.copyOf(outputs);
    frozen = Set.copyOf(frozen);
  }

  /**
   * Options of a plan that takes floats.
   *
   * @param batch images per step
   * @param height rows
   * @param width columns
   * @param layout the order of input, outputs and their gradients in the plan's host buffers
   * @param precision of activations and products
   * @param outputs keys of {@link NetworkSpec#outputs()} that can be read and given a gradient
   * @param frozen names of trainable parameters that get no gradient and no update
   * @param inputGradient whether the gradient of the images is wanted
   * @param optimizer what {@link TrainingPlan#update} does
   */
  public TrainingOptions(
      int batch,
      int height,
      int width,
      TensorLayout layout,
      Precision precision,
      Set<String> outputs,
      Set<String> frozen,
      boolean inputGradient,
      Optimizer optimizer) {
    this(batch, height, width, layout, precision, outputs, frozen, inputGradient, optimizer, null);
  }

  /**
   * The usual plan: logits only, nothing frozen, no input gradient, SGD with momentum.
   *
   * @param batch images per step
   * @param size rows and columns
   * @param precision of activations and products
   * @return options in NCHW
   */
  public static TrainingOptions standard(int batch, int size, Precision precision) {
    return new TrainingOptions(
        batch,
        size,
        size,
        TensorLayout.NCHW,
        precision,
        Set.of("logits"),
        Set.of(),
        false,
        Optimizer.Sgd.standard());
  }

  /**
   * The same for more or fewer images.
   *
   * @param images per step
   * @return new options
   */
  public TrainingOptions withBatch(int images) {
    return new TrainingOptions(
        images,
        height,
        width,
        layout,
        precision,
        outputs,
        frozen,
        inputGradient,
        optimizer,
        scaling);
  }

  /**
   * The same with or without the gradient of the images.
   *
   * @param wanted whether it is wanted
   * @return new options
   */
  public TrainingOptions withInputGradient(boolean wanted) {
    return new TrainingOptions(
        batch, height, width, layout, precision, outputs, frozen, wanted, optimizer, scaling);
  }

  /**
   * The same with frozen parameters.
   *
   * @param names of trainable parameters
   * @return new options
   */
  public TrainingOptions withFrozen(Set<String> names) {
    return new TrainingOptions(
        batch, height, width, layout, precision, outputs, names, inputGradient, optimizer, scaling);
  }

  /**
   * The same with another optimizer.
   *
   * @param other what {@link TrainingPlan#update} is to do
   * @return new options
   */
  public TrainingOptions withOptimizer(Optimizer other) {
    return new TrainingOptions(
        batch, height, width, layout, precision, outputs, frozen, inputGradient, other, scaling);
  }

  /**
   * The same for pixels.
   *
   * @param pixels how they are normalised; null for floats
   * @return new options
   */
  public TrainingOptions withPixels(@Nullable PixelScaling pixels) {
    return new TrainingOptions(
        batch, height, width, layout, precision, outputs, frozen, inputGradient, optimizer, pixels);
  }

  /**
   * The part of this that describes the forward pass.
   *
   * @return an inference request of the same sizes and outputs
   */
  public PlanRequest request() {
    return new PlanRequest(batch, height, width, layout, outputs).withPixels(scaling);
  }

  /**
   * Whether a batch norm normalises by its running statistics.
   *
   * @param norm of the network
   * @return whether its gamma and beta are both frozen
   */
  public boolean isFrozen(Operation.BatchNorm norm) {
    return frozen.contains(norm.gamma().name()) && frozen.contains(norm.beta().name());
  }

  /**
   * Holds the options against a network, for engines before they make a plan.
   *
   * @param network what is to be trained
   * @throws IllegalArgumentException naming the first output, frozen parameter or optimizer group
   *     that the network does not have, the operation for which the images are too small, or the
   *     batch norm that would take statistics of a single value per channel (PyTorch refuses it
   *     too: there is no unbiased variance)
   */
  public void check(NetworkSpec network) {
    NetworkSpec part = network.restrictedTo(outputs);
    requireTrainable(network, frozen, "frozen parameter");
    requireTrainable(network, optimizer.groups().keySet(), "parameter of an optimizer group");
    List<Shape> shapes = part.shapes(batch, height, width);
    for (Operation operation : part.operations()) {
      Shape shape = shapes.get(operation.output().id());
      if (operation instanceof Operation.FusedConv conv
          && conv.batchNorm() != null
          && !isFrozen(conv.batchNorm())
          && shape.elements() == shape.dimension(1)) {
        throw new IllegalArgumentException(
            network.name()
                + " cannot be trained on one image of "
                + height
                + "x"
                + width
                + ": at "
                + operation.name()
                + ", the batch norm has a single value per channel; use a larger batch or image, or"
                + " freeze it");
      }
    }
  }

  private static void requireTrainable(NetworkSpec network, Set<String> names, String what) {
    for (String name : names) {
      ParameterSpec parameter = network.parameters().get(name);
      if (parameter == null || !parameter.isTrainable()) {
        throw new IllegalArgumentException(
            network.name() + " has no trainable parameter '" + name + "', given as a " + what);
      }
    }
  }
}
