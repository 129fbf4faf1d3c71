package io.resfuse.engine.cuda.internal.layout;

import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.Operation;
import io.resfuse.engine.PlanRequest;
import io.resfuse.engine.Value;
import io.resfuse.tensor.Shape;
import java.util.List;

/**
 * The tensors of a network's values for a request, and who reads them.
 *
 * @param network restricted to the request's outputs
 * @param shapes by value
 */
public record Shapes(NetworkSpec network, List<Shape> shapes) {
  public static Shapes of(NetworkSpec whole, PlanRequest request) {
    NetworkSpec network = whole.restrictedTo(request.outputs());
    return new Shapes(network, network.shapes(request.batch(), request.height(), request.width()));
  }

  public Activation of(Value value) {
    return Activation.of(shapes.get(value.id()));
  }

  public Shape shape(Value value) {
    return shapes.get(value.id());
  }

  /** The operations that read a value. */
  public List<Operation> readers(Value value) {
    return network.operations().stream()
        .filter(operation -> operation.inputs().contains(value))
        .toList();
  }

  public boolean isOutput(Value value) {
    return network.outputs().containsValue(value);
  }

  /** Whether an operation is the last that needs a value. */
  public boolean isLastReader(Operation operation, Value value) {
    List<Operation> readers = readers(value);
    return !isOutput(value) && readers.get(readers.size() - 1).equals(operation);
  }
}
