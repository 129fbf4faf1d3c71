package io.resfuse.engine;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;

/**
 * A plan that can time an operation's kernels alone: without the ways between the caller's buffers
 * and the plan's tensors, and without what starts them, by the device's clock where it has one. One
 * owner, as the plan.
 */
public interface OperationTimer {
  /**
   * Runs all kernels of an operation once, of a training plan those of the forward and the backward
   * pass. Their operands are what the last run has left. Afterwards the plan must run from the
   * beginning before its results are worth anything.
   *
   * @param operation of the plan's network, by its name
   * @param coolCaches empties the caches of the CPU, called before; a device empties its own
   * @return seconds
   * @throws IllegalArgumentException if the plan runs nothing for an operation of that name
   */
  double seconds(String operation, Runnable coolCaches);

  /**
   * What an operation's kernels are called by the library that they come from, {@code
   * brg_conv_fwd:avx2} for example, each name once, in the order in which they run.
   *
   * @param operation of the plan's network, by its name
   * @return empty if the engine has no such names
   * @throws IllegalArgumentException if the plan runs nothing for an operation of that name
   */
  default List<String> implementations(String operation) {
    return List.of();
  }

  /**
   * The timer that a plan is.
   *
   * @param plan any plan
   * @return the same
   * @throws IllegalArgumentException if it is none
   */
  static OperationTimer of(Object plan) {
    if (plan instanceof OperationTimer timer) {
      return timer;
    }
    throw new IllegalArgumentException("this engine times no operations");
  }

  /**
   * For engines: picks an operation's steps by their labels, which begin with its name or that of
   * one of its parameters.
   *
   * @param network that the plan runs
   * @param operation its name
   * @param steps of the plan
   * @param label the label of a step
   * @param <T> the type of a step
   * @return the operation's, in their order
   * @throws IllegalArgumentException if there is none
   */
  static <T> List<T> stepsOf(
      NetworkSpec network, String operation, List<T> steps, Function<T, String> label) {
    List<String> names = new ArrayList<>();
    names.add(operation);
    network.operations().stream()
        .filter(candidate -> candidate.name().equals(operation))
        .flatMap(candidate -> candidate.parameters().stream())
        .forEach(parameter -> names.add(parameter.name()));
    List<T> found =
        steps.stream()
            .filter(
                step ->
                    names.stream()
                        .anyMatch(
                            name ->
                                label.apply(step).equals(name)
                                    || label.apply(step).startsWith(name + " ")))
            .toList();
    if (found.isEmpty()) {
      throw new IllegalArgumentException(
          "the plan of " + network.name() + " runs nothing for an operation '" + operation + "'");
    }
    return found;
  }
}
