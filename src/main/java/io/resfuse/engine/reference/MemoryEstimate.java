package io.resfuse.engine.reference;

import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.Operation;
import io.resfuse.engine.ParameterSpec;
import io.resfuse.engine.PlanMemory;
import io.resfuse.engine.PlanRequest;
import io.resfuse.engine.TrainingOptions;
import io.resfuse.engine.Value;
import io.resfuse.engine.spi.GradientFlow;
import io.resfuse.engine.spi.OptimizerStates;
import io.resfuse.tensor.Shape;
import java.util.Collection;
import java.util.List;

/** What plans need, from shapes alone. Statistics of batch norms, a few KiB, are not counted. */
final class MemoryEstimate {
  static final long DOUBLE = Double.BYTES;

  private MemoryEstimate() {}

  static long bytes(Collection<double[]> arrays) {
    return arrays.stream().mapToLong(array -> DOUBLE * array.length).sum();
  }

  static PlanMemory inference(
      NetworkSpec loaded, Program program, PlanRequest request, Rounding rounding) {
    NetworkSpec network = program.network();
    List<Shape> shapes = network.shapes(request.batch(), request.height(), request.width());
    long activations = values(network, shapes);
    return new PlanMemory(
        parameters(loaded, rounding),
        activations,
        activations,
        DOUBLE * Workspace.scratchElements(network, shapes),
        Float.BYTES * (shapes.get(network.input().id()).elements() + outputs(network, shapes)));
  }

  static PlanMemory training(NetworkSpec whole, TrainingOptions options) {
    NetworkSpec network = whole.restrictedTo(options.outputs());
    List<Shape> shapes = network.shapes(options.batch(), options.height(), options.width());
    long activations = values(network, shapes);
    GradientFlow flow = new GradientFlow(network, options);
    for (Operation operation : network.operations()) {
      if (flow.takesBatchStatistics(operation)) {
        activations += DOUBLE * shapes.get(operation.output().id()).elements();
      }
    }
    for (Value value : flow.values()) {
      activations += DOUBLE * shapes.get(value.id()).elements();
    }
    long weights = parameters(whole, Rounding.of(options.precision()));
    int arrays = 1 + OptimizerStates.names(options.optimizer()).size();
    for (ParameterSpec parameter : flow.trained()) {
      weights += DOUBLE * parameter.shape().elements() * arrays;
    }
    long host = shapes.get(network.input().id()).elements() * (options.inputGradient() ? 2 : 1);
    host += 2 * outputs(network, shapes);
    return new PlanMemory(
        weights,
        activations,
        activations,
        DOUBLE * Workspace.scratchElements(network, shapes),
        Float.BYTES * host);
  }

  private static long values(NetworkSpec network, List<Shape> shapes) {
    long sum = DOUBLE * shapes.get(network.input().id()).elements();
    for (Operation operation : network.operations()) {
      sum += DOUBLE * shapes.get(operation.output().id()).elements();
    }
    return sum;
  }

  private static long outputs(NetworkSpec network, List<Shape> shapes) {
    return network.outputs().values().stream().mapToLong(v -> shapes.get(v.id()).elements()).sum();
  }

  static long parameters(NetworkSpec network, Rounding rounding) {
    long sum = 0;
    for (ParameterSpec parameter : network.parameters().values()) {
      long bytes = DOUBLE * parameter.shape().elements();
      sum += ParameterStore.isRounded(parameter, rounding) ? 2 * bytes : bytes;
    }
    return sum;
  }
}
