package io.resfuse.engine.onednn;

import io.resfuse.engine.Operation.SqueezeExcite;
import io.resfuse.engine.ParameterSpec;
import io.resfuse.engine.Value;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.function.Function;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** Adds squeeze and excitation to a training plan. Not thread-safe. */
final class GateSteps {
  private final TrainingParts parts;
  private final SqueezeExcite operation;
  private final Gate gate;

  /** What the backward pass needs of the forward pass. */
  private final Buffer state;

  GateSteps(TrainingParts parts, TrainingLayouts layouts, SqueezeExcite operation) {
    this.parts = parts;
    this.operation = operation;
    int block =
        layouts.format() == TrainingFormat.PLANES
            ? 1
            : layouts.format().isBlocked() ? layouts.format().block() : 0;
    this.gate =
        Gate.of(
            operation,
            layouts.shape(operation.input()),
            layouts.options().batch(),
            block,
            layouts.type());
    this.state = Buffer.inArena(gate.stateBytes());
    operation.parameters().forEach(parts::parameter);
  }

  /** Adds the forward pass, to training and to evaluation. */
  void forward(int time) {
    Buffer x = parts.valueOf(operation.input());
    Value added = operation.residual();
    Buffer residual = added == null ? null : parts.valueOf(added);
    Buffer out = parts.valueOf(operation.output());
    List<Buffer> used = used(Stream.of(x, residual, out, state), false);
    for (Steps steps : parts.forwards()) {
      steps.add(
          operation.name(),
          Gate.implementation(),
          time,
          used,
          memory ->
              gate.forward(
                  parts.scope(),
                  new Gate.Tensors(
                      memory.address(x), address(memory, residual), memory.address(out), 0, 0),
                  weights(memory, TrainingWeights.Entry::master),
                  memory.address(state)));
    }
  }

  /**
   * Adds the backward pass, to that which writes gradients and to that which adds to them.
   *
   * @param gradient of the result; it is left masked by the ReLU, as that of the residual
   * @param dx takes the gradient of the input, and may be {@code gradient}; null if nobody wants it
   */
  void backward(Buffer gradient, @Nullable Buffer dx, int time) {
    Buffer x = parts.valueOf(operation.input());
    Buffer out = operation.relu() ? parts.valueOf(operation.output()) : null;
    Buffer stateGradient = Buffer.inArena(gate.stateBytes());
    List<Buffer> used = used(Stream.of(x, out, gradient, dx, state, stateGradient), true);
    for (Steps steps : parts.backwards()) {
      steps.add(
          operation.name(),
          Gate.implementation(),
          time,
          used,
          memory ->
              gate.backward(
                  parts.scope(),
                  new Gate.Tensors(
                      memory.address(x),
                      0,
                      address(memory, out),
                      memory.address(gradient),
                      address(memory, dx)),
                  weights(memory, TrainingWeights.Entry::master),
                  weights(memory, TrainingWeights.Entry::gradient),
                  memory.address(state),
                  memory.address(stateGradient),
                  steps == parts.accumulation()));
    }
  }

  private List<Buffer> used(Stream<@Nullable Buffer> tensors, boolean gradients) {
    List<Buffer> used = new ArrayList<>(tensors.filter(Objects::nonNull).toList());
    for (ParameterSpec spec : operation.parameters()) {
      TrainingWeights.Entry entry = parts.weights().get(spec);
      used.add(entry.master());
      if (gradients && entry.gradient() != null) {
        used.add(entry.gradient());
      }
    }
    return used;
  }

  private Gate.Weights weights(
      Steps.Memory memory, Function<TrainingWeights.Entry, @Nullable Buffer> array) {
    long[] addresses =
        operation.parameters().stream()
            .mapToLong(spec -> address(memory, array.apply(parts.weights().get(spec))))
            .toArray();
    return new Gate.Weights(addresses[0], addresses[1], addresses[2], addresses[3]);
  }

  private static long address(Steps.Memory memory, @Nullable Buffer buffer) {
    return buffer == null ? 0 : memory.address(buffer);
  }
}
