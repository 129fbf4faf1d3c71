package io.resfuse.engine.cuda.internal.backend;

import io.resfuse.engine.Operation;
import io.resfuse.engine.Operation.FusedConv;
import io.resfuse.engine.Operation.SqueezeExcite;
import io.resfuse.engine.Value;
import io.resfuse.engine.cuda.internal.driver.DeviceMemory;
import io.resfuse.engine.cuda.internal.emit.Convolutions;
import io.resfuse.engine.cuda.internal.emit.Emission;
import io.resfuse.engine.cuda.internal.emit.Gates;
import io.resfuse.engine.cuda.internal.emit.Operand;
import io.resfuse.engine.cuda.internal.layout.Layouts;
import io.resfuse.engine.cuda.internal.layout.ParameterSpace;
import io.resfuse.engine.cuda.internal.layout.Shapes;
import io.resfuse.engine.cuda.internal.program.Buffer;
import io.resfuse.engine.cuda.internal.program.Program;
import io.resfuse.engine.spi.GradientFlow;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What the forward and the backward pass of a training program share: who wants a gradient, where
 * values and what the backward pass needs of them lie. Not thread-safe.
 */
public final class TrainingState {
  private final Emission emission;
  private final Shapes shapes;
  private final Layouts layouts;
  private final ParameterSpace parameters;
  private final TrainingNorms norms;
  private final GradientFlow flow;
  private final Map<Value, Operand> operands = new HashMap<>();
  private final Map<Operation, Buffer> kept = new HashMap<>();
  private final Map<FusedConv, Buffer> bits = new HashMap<>();
  private final Map<SqueezeExcite, Gates.State> gates = new HashMap<>();
  private final Map<Operation, Buffer> transposed = new LinkedHashMap<>();
  private final Map<Value, Buffer> places = new HashMap<>();
  private final Map<Integer, Buffer> ones = new HashMap<>();

  public TrainingState(
      Emission emission,
      Shapes shapes,
      Layouts layouts,
      GradientFlow flow,
      ParameterSpace parameters) {
    this.emission = emission;
    this.shapes = shapes;
    this.layouts = layouts;
    this.flow = flow;
    this.parameters = parameters;
    this.norms = new TrainingNorms(parameters, emission.region());
  }

  public Emission emission() {
    return emission;
  }

  public Shapes shapes() {
    return shapes;
  }

  public Layouts layouts() {
    return layouts;
  }

  public ParameterSpace parameters() {
    return parameters;
  }

  public TrainingNorms norms() {
    return norms;
  }

  public boolean wantsGradient(Value value) {
    return flow.reaches(value);
  }

  /** Whether a convolution is followed by a batch norm with the batch's statistics. */
  public boolean takesBatchStatistics(FusedConv conv) {
    return flow.takesBatchStatistics(conv);
  }

  /**
   * Whether a value is never written: its readers normalise the convolution's raw result as they
   * read it. All of them must be able to: convolutions and max pools, which can also rectify, and
   * as a residual those convolutions whose batch norm is applied by a pass of its own.
   */
  boolean isVirtual(FusedConv producer) {
    Value value = producer.output();
    List<Operation> readers = shapes.readers(value);
    return takesBatchStatistics(producer)
        && producer.residual() == null
        && !shapes.isOutput(value)
        && !readers.isEmpty()
        && readers.stream().allMatch(reader -> canNormalise(reader, producer));
  }

  private boolean canNormalise(Operation reader, FusedConv producer) {
    if (reader instanceof FusedConv conv) {
      boolean asResidual = producer.output().equals(conv.residual());
      boolean asInput = producer.output().equals(conv.input());
      return !asResidual || (!asInput && !producer.relu() && takesBatchStatistics(conv));
    }
    return reader instanceof Operation.MaxPool;
  }

  /** How readers find a value. */
  public Operand operand(Value value) {
    return operands.get(value);
  }

  public void setOperand(Value value, Operand operand) {
    operands.put(value, operand);
  }

  /** A value that has been written. */
  public Buffer tensor(Value value) {
    Operand operand = operand(value);
    if (operand.affine() != null) {
      throw new IllegalStateException(value.name() + " was never written");
    }
    return operand.tensor();
  }

  /** Gives a value a place, for those that outlive the program. */
  public void place(Value value, Buffer buffer) {
    places.put(value, buffer);
  }

  /** Where a value is written by the forward pass. */
  public Buffer result(Program program, Value value) {
    Buffer buffer = places.computeIfAbsent(value, v -> program.timeline().activation(bytes(v)));
    setOperand(value, Operand.plain(buffer));
    return buffer;
  }

  /**
   * The scale of what is not normalised.
   *
   * @return so many floats, 1 once {@link #writeConstants} has been called
   */
  public Buffer ones(int channels) {
    return ones.computeIfAbsent(
        channels, count -> emission.region().add((long) count * Float.BYTES));
  }

  /** The bias of what has none: so many floats that nothing writes. */
  public Buffer zeros(int channels) {
    return emission.region().add((long) channels * Float.BYTES);
  }

  /**
   * What follows a convolution that is not normalised by its batch. Libraries want a scale and a
   * bias, whether the network has them or not.
   */
  public Convolutions.Epilogue epilogue(
      FusedConv conv, @Nullable Buffer scale, @Nullable Buffer bias, @Nullable Buffer residual) {
    int channels = layouts.of(conv).outputs();
    boolean completes = layouts.scalesAll();
    return new Convolutions.Epilogue(
        scale == null && completes ? ones(channels) : scale,
        bias == null && completes ? zeros(channels) : bias,
        residual,
        conv.relu());
  }

  /** Writes what neither the host nor a step writes. */
  public void writeConstants(DeviceMemory plan) {
    ones.forEach(
        (channels, buffer) -> {
          ByteBuffer floats =
              ByteBuffer.allocateDirect(channels * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
          for (int i = 0; i < channels; i++) {
            floats.putFloat(1);
          }
          plan.write(buffer.offset(), floats.rewind());
        });
  }

  /** What an operation keeps for its backward pass: a raw result, or the indices of maxima. */
  public @Nullable Buffer kept(Operation operation) {
    return kept.get(operation);
  }

  public void keep(Operation operation, Buffer buffer) {
    kept.put(operation, buffer);
  }

  /**
   * Which elements of a value are positive, a bit for each; null if its batch norm did not note it.
   */
  @Nullable Buffer bits(FusedConv conv) {
    return bits.get(conv);
  }

  void keepBits(FusedConv conv, Buffer buffer) {
    bits.put(conv, buffer);
  }

  /** What squeeze and excitation keeps for its backward pass. */
  public Gates.@Nullable State kept(SqueezeExcite operation) {
    return gates.get(operation);
  }

  public void keep(SqueezeExcite operation, Gates.State gate) {
    gates.put(operation, gate);
  }

  /** The parameters of squeeze and excitation. */
  public Gates.Weights gateWeights(SqueezeExcite operation) {
    return new Gates.Weights(
        parameters.master(operation.reduceWeight()),
        parameters.master(operation.reduceBias()),
        parameters.master(operation.expandWeight()),
        parameters.master(operation.expandBias()));
  }

  /** Their gradients; null for those that are frozen. */
  public Gates.Weights gateGradients(SqueezeExcite operation) {
    return new Gates.Weights(
        parameters.gradient(operation.reduceWeight()),
        parameters.gradient(operation.reduceBias()),
        parameters.gradient(operation.expandWeight()),
        parameters.gradient(operation.expandBias()));
  }

  /** The weights of a convolution or linear layer for the gradient of its input. */
  Buffer transposed(Operation operation) {
    return transposed.computeIfAbsent(
        operation,
        key ->
            emission.region().add(layouts.of(key).transposedElements() * emission.type().bytes()));
  }

  /** The convolutions and linear layers that {@link #transposed} was asked for. */
  public Map<Operation, Buffer> allTransposed() {
    return transposed;
  }

  public long bytes(Value value) {
    return shapes.of(value).bytes(emission.type());
  }
}
