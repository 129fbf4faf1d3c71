package io.resfuse.engine.cuda.internal.layout;

import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.Operation;
import io.resfuse.engine.PlanRequest;
import io.resfuse.engine.Value;
import io.resfuse.tensor.Shape;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The tensors of a network's values for a request, and who reads them.
 *
 * @param network restricted to the request's outputs
 * @param shapes by value
 * @param channelMultiple what channels of tensors are padded to multiples of
 */
public record Shapes(NetworkSpec network, List<Shape> shapes, int channelMultiple) {
  public static Shapes of(NetworkSpec whole, PlanRequest request) {
    NetworkSpec network = whole.restrictedTo(request.outputs());
    return of(network, request, Activation.CHANNEL_MULTIPLE);
  }

  /** Of a network as it is computed in int8, restricted to the request's outputs already. */
  public static Shapes ofIntegers(NetworkSpec network, PlanRequest request) {
    return of(network, request, Activation.CHANNEL_MULTIPLE_OF_BYTES);
  }

  private static Shapes of(NetworkSpec network, PlanRequest request, int channelMultiple) {
    return new Shapes(
        network,
        network.shapes(request.batch(), request.height(), request.width()),
        channelMultiple);
  }

  public Activation of(Value value) {
    return Activation.of(shapes.get(value.id()), channelMultiple);
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

  /** The operation that writes a value; null for the image. */
  public @Nullable Operation producer(Value value) {
    return network.operations().stream()
        .filter(operation -> operation.output().equals(value))
        .findFirst()
        .orElse(null);
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
