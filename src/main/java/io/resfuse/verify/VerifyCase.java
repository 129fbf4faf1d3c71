package io.resfuse.verify;

import io.resfuse.engine.KernelSuite;
import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.Operation;
import io.resfuse.engine.ParameterSpec;
import io.resfuse.engine.PlanRequest;
import io.resfuse.engine.Precision;
import io.resfuse.engine.TrainingOptions;
import io.resfuse.engine.Value;
import io.resfuse.tensor.Shape;
import io.resfuse.tensor.TensorLayout;
import java.util.Arrays;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What is run: a network of one or more operations on images of a size.
 *
 * @param name for people; those of layers come from the network that it is part of
 * @param level how much of a network it is
 * @param network judged by its output {@code logits}, or else {@code out}
 * @param exact the same without batch norms but that of a prologue, for integers; null if there is
 *     no such thing
 * @param batch images
 * @param height rows
 * @param width columns
 * @param regime how it is trained
 * @param division how a {@link KernelSuite} divides its work; null: as it would, and as all other
 *     engines do
 */
public record VerifyCase(
    String name,
    Level level,
    NetworkSpec network,
    @Nullable NetworkSpec exact,
    int batch,
    int height,
    int width,
    Regime regime,
    KernelSuite.@Nullable Division division) {
  static final String LOGITS = "logits";
  static final String OUT = "out";

  /**
   * A case that is trained by SGD with momentum and weight decay.
   *
   * @param name for people
   * @param level how much of a network it is
   * @param network judged by its output {@code logits}, or else {@code out}
   * @param exact the same without batch norms but that of a prologue; null if there is no such
   *     thing
   * @param batch images
   * @param height rows
   * @param width columns
   */
  public VerifyCase(
      String name,
      Level level,
      NetworkSpec network,
      @Nullable NetworkSpec exact,
      int batch,
      int height,
      int width) {
    this(name, level, network, exact, batch, height, width, Regime.standard(), null);
  }

  /** The same, trained otherwise. */
  VerifyCase with(Regime other) {
    return new VerifyCase(name, level, network, exact, batch, height, width, other, division);
  }

  /** The same with work divided otherwise. */
  VerifyCase with(KernelSuite.Division other) {
    return new VerifyCase(name, level, network, exact, batch, height, width, regime, other);
  }

  /** The same as a case of another level. */
  VerifyCase at(Level other) {
    return new VerifyCase(name, other, network, exact, batch, height, width, regime, division);
  }

  /** Whether it is judged as a single operation. */
  boolean isOperation() {
    return level == Level.OPERATION || level == Level.EDGES;
  }

  /** Whether it has a batch norm, which spreads what is in one image to all in training. */
  boolean hasBatchNorm() {
    return network.operations().stream()
        .anyMatch(
            operation -> operation instanceof Operation.FusedConv conv && conv.batchNorm() != null);
  }

  /** The output that it is judged by. */
  String output() {
    return network.outputs().containsKey(LOGITS) ? LOGITS : OUT;
  }

  /** Whether its first operation is what a prologue is taken from. */
  boolean hasPrologue() {
    return network.operations().get(0).name().equals(OperationShape.BEFORE);
  }

  Shape imageShape() {
    return Shape.of(batch, network.input().channels(), height, width);
  }

  PlanRequest request() {
    return new PlanRequest(batch, height, width, TensorLayout.NCHW, Set.of(output()));
  }

  TrainingOptions options(Precision precision) {
    return options(precision, TensorLayout.NCHW);
  }

  TrainingOptions options(Precision precision, TensorLayout layout) {
    return new TrainingOptions(
        batch,
        height,
        width,
        layout,
        precision,
        Set.of(output()),
        regime.frozen(),
        regime.wantsInputGradient(),
        regime.optimizer());
  }

  double longestSum() {
    return regime.batches() * Tolerance.longestSum(network, batch, height, width);
  }

  /** The shape of a tensor by the name that {@link Names} gives it. */
  Shape shapeOf(String name) {
    String tensor = Names.once(name);
    if (isOutput(tensor)) {
      return shapeOf(network.output(output()));
    }
    if (tensor.equals(Names.INPUT_GRADIENT)) {
      return imageShape();
    }
    ParameterSpec parameter = network.parameters().get(Names.parameter(tensor));
    return parameter == null
        ? value(tensor).map(this::shapeOf).orElse(Shape.of())
        : parameter.shape();
  }

  private Shape shapeOf(Value value) {
    return network.shapes(batch, height, width).get(value.id());
  }

  /** What an operation writes. */
  private Optional<Value> value(String name) {
    return network.operations().stream()
        .map(Operation::output)
        .filter(value -> value.name().equals(name))
        .findFirst();
  }

  /** The output itself, or its gradient. */
  private boolean isOutput(String tensor) {
    return tensor.equals(output()) || tensor.startsWith(Names.LOGITS_GRADIENT);
  }

  /** An element's place: image, row, column, channel of activations, indices of parameters. */
  String coordinate(String name, int index) {
    String tensor = Names.once(name);
    Shape shape = shapeOf(tensor);
    int[] at = new int[shape.rank()];
    int rest = index;
    for (int axis = shape.rank() - 1; axis >= 0; axis--) {
      at[axis] = rest % shape.dimension(axis);
      rest /= shape.dimension(axis);
    }
    boolean activation =
        isOutput(tensor) || tensor.equals(Names.INPUT_GRADIENT) || value(tensor).isPresent();
    if (activation && at.length == 4) {
      return "(n=%d, h=%d, w=%d, c=%d)".formatted(at[0], at[2], at[3], at[1]);
    }
    if (activation && at.length == 2) {
      return "(n=%d, c=%d)".formatted(at[0], at[1]);
    }
    return Arrays.toString(at);
  }

  /** Its name, batch and size. */
  @Override
  public String toString() {
    return name + ", " + batch + " of " + height + "x" + width;
  }
}
