package io.resfuse.engine;

import io.resfuse.engine.Operation.Concat;
import io.resfuse.tensor.Shape;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * A network as engines see it: fused operations in the order in which they can run, every value
 * written once and before it is read. Immutable; made by a {@link NetworkBuilder}. It knows no
 * batch or image size: those belong to a plan.
 */
public final class NetworkSpec {
  private final String name;
  private final Value input;
  private final List<Value> values;
  private final List<Operation> operations;
  private final Map<String, Value> outputs;
  private final Map<String, ParameterSpec> parameters;

  NetworkSpec(
      String name,
      Value input,
      List<Value> values,
      List<Operation> operations,
      Map<String, Value> outputs) {
    this.name = name;
    this.input = input;
    this.values = List.copyOf(values);
    this.operations = List.copyOf(operations);
    this.outputs = Collections.unmodifiableMap(new LinkedHashMap<>(outputs));
    Map<String, ParameterSpec> all = new LinkedHashMap<>();
    for (Operation operation : operations) {
      for (ParameterSpec parameter : operation.parameters()) {
        if (all.put(parameter.name(), parameter) != null) {
          throw new IllegalArgumentException("two parameters are named " + parameter.name());
        }
      }
    }
    this.parameters = Collections.unmodifiableMap(all);
  }

  /**
   * What it is called.
   *
   * @return for example {@code resnet50}
   */
  public String name() {
    return name;
  }

  /**
   * The image.
   *
   * @return the value with id 0
   */
  public Value input() {
    return input;
  }

  /**
   * All values.
   *
   * @return indexed by {@link Value#id()}
   */
  public List<Value> values() {
    return values;
  }

  /**
   * All operations.
   *
   * @return in an order in which they can run
   */
  public List<Operation> operations() {
    return operations;
  }

  /**
   * The values that a caller may read, by name.
   *
   * @return {@code logits} and the stages {@code c2} to {@code c5} for a ResNet with a head
   */
  public Map<String, Value> outputs() {
    return outputs;
  }

  /**
   * All parameters by name, running statistics among them.
   *
   * @return in the order of the operations
   */
  public Map<String, ParameterSpec> parameters() {
    return parameters;
  }

  /**
   * An output.
   *
   * @param outputName a key of {@link #outputs()}
   * @return its value
   * @throws IllegalArgumentException if there is none of that name
   */
  public Value output(String outputName) {
    Value value = outputs.get(outputName);
    if (value == null) {
      throw new IllegalArgumentException(
          name + " has no output '" + outputName + "'; it has " + outputs.keySet());
    }
    return value;
  }

  /**
   * The shapes of all values for a batch of images.
   *
   * @param batch images, at least 1
   * @param height rows
   * @param width columns
   * @return indexed by {@link Value#id()}
   * @throws IllegalArgumentException if the images are too small for a window
   */
  public List<Shape> shapes(int batch, int height, int width) {
    if (batch < 1 || height < 1 || width < 1) {
      throw new IllegalArgumentException(
          name
              + " needs at least one image of one pixel, got "
              + batch
              + " of "
              + height
              + "x"
              + width);
    }
    Shape[] shapes = new Shape[values.size()];
    shapes[input.id()] = input.shape(batch, height, width);
    for (Operation operation : operations) {
      Shape in = shapes[operation.sizedBy().id()];
      try {
        shapes[operation.output().id()] = operation.outputShape(in);
        if (operation instanceof Concat concat) {
          checkSizes(concat, shapes);
        }
      } catch (IllegalArgumentException e) {
        throw new IllegalArgumentException(
            name
                + " cannot take images of "
                + height
                + "x"
                + width
                + ": at "
                + operation.name()
                + ", "
                + e.getMessage(),
            e);
      }
    }
    for (int i = 0; i < shapes.length; i++) {
      if (shapes[i] == null) {
        shapes[i] = Shape.of();
      }
    }
    return List.of(shapes);
  }

  private static void checkSizes(Concat concat, Shape[] shapes) {
    Shape first = shapes[concat.inputs().get(0).id()];
    for (Value input : concat.inputs()) {
      Shape shape = shapes[input.id()];
      if (shape.dimension(2) != first.dimension(2) || shape.dimension(3) != first.dimension(3)) {
        throw new IllegalArgumentException(
            "images to be concatenated must be of one size, got " + first + " and " + shape);
      }
    }
  }

  /**
   * The same network with all values as outputs.
   *
   * @return a network whose outputs are the values that operations write, under their {@link
   *     Value#name names}, and those that it had
   */
  public NetworkSpec withAllOutputs() {
    Map<String, Value> all = new LinkedHashMap<>(outputs);
    operations.forEach(operation -> all.put(operation.output().name(), operation.output()));
    return new NetworkSpec(name, input, values, operations, all);
  }

  /**
   * The part that a set of outputs needs.
   *
   * @param wanted keys of {@link #outputs()}
   * @return a network with just these outputs and the operations that lead to them; values keep
   *     their ids, and shapes of values that nothing writes any more are those of a scalar
   */
  public NetworkSpec restrictedTo(Set<String> wanted) {
    Map<String, Value> kept = new LinkedHashMap<>();
    Set<Value> needed = new LinkedHashSet<>();
    for (String outputName : wanted) {
      kept.put(outputName, output(outputName));
      needed.add(output(outputName));
    }
    if (kept.keySet().equals(outputs.keySet())) {
      return this;
    }
    List<Operation> backwards = new ArrayList<>();
    for (int i = operations.size() - 1; i >= 0; i--) {
      Operation operation = operations.get(i);
      if (needed.contains(operation.output())) {
        backwards.add(operation);
        needed.addAll(operation.inputs());
      }
    }
    Collections.reverse(backwards);
    return new NetworkSpec(name, input, values, backwards, kept);
  }
}
