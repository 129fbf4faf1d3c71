package io.resfuse.engine.spi;

import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.Operation;
import io.resfuse.engine.ParameterSpec;
import io.resfuse.engine.TrainingOptions;
import io.resfuse.engine.Value;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/**
 * Where gradients flow in a training plan: which parameters are trained, and which values lie
 * between them, or the image if its gradient is asked for, and the loss. Immutable.
 */
public final class GradientFlow {
  private final TrainingOptions options;
  private final Set<ParameterSpec> trained = new LinkedHashSet<>();
  private final Set<Value> values = new LinkedHashSet<>();

  /**
   * The flow in the part of a network that leads to the options' outputs.
   *
   * @param network the whole network, or that part
   * @param options outputs, what is frozen, whether the image's gradient is wanted
   */
  public GradientFlow(NetworkSpec network, TrainingOptions options) {
    this.options = options;
    NetworkSpec run = network.restrictedTo(options.outputs());
    if (options.inputGradient()) {
      values.add(run.input());
    }
    for (Operation operation : run.operations()) {
      boolean reached = operation.inputs().stream().anyMatch(values::contains);
      for (ParameterSpec parameter : operation.parameters()) {
        if (parameter.isTrainable() && !options.frozen().contains(parameter.name())) {
          trained.add(parameter);
          reached = true;
        }
      }
      if (reached) {
        values.add(operation.output());
      }
    }
  }

  /**
   * The parameters with a gradient, which the optimizer changes.
   *
   * @return in the network's order
   */
  public List<ParameterSpec> trained() {
    return List.copyOf(trained);
  }

  /**
   * Whether a parameter has a gradient: it is trainable, not frozen, and an operation that is run
   * uses it.
   *
   * @param parameter of the network
   * @return whether it is one of {@link #trained}
   */
  public boolean trains(ParameterSpec parameter) {
    return trained.contains(parameter);
  }

  /**
   * Whether a value needs a gradient: a trained parameter, or the image if its gradient is asked
   * for, leads to it.
   *
   * @param value of the network
   * @return whether the backward pass must compute it
   */
  public boolean reaches(Value value) {
    return values.contains(value);
  }

  /**
   * The values that need a gradient.
   *
   * @return in the order in which they are written
   */
  public List<Value> values() {
    return List.copyOf(values);
  }

  /**
   * Whether an operation has a batch norm that normalises by the statistics of the batch.
   *
   * @param operation of the network
   * @return false without a batch norm, and for {@link TrainingOptions#isFrozen frozen} ones
   */
  public boolean takesBatchStatistics(Operation operation) {
    return operation instanceof Operation.FusedConv conv
        && conv.batchNorm() != null
        && !options.isFrozen(conv.batchNorm());
  }
}
