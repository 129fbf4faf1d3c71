package io.resfuse.engine.onednn;

import io.resfuse.engine.EngineException;
import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.Operation;
import io.resfuse.engine.ParameterSpec;
import io.resfuse.engine.PlanMemory;
import io.resfuse.engine.TrainingOptions;
import io.resfuse.engine.Value;
import io.resfuse.engine.onednn.Buffer.Region;
import io.resfuse.engine.spi.ArenaPlanner;
import io.resfuse.engine.spi.GradientFlow;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.bytedeco.dnnl.dnnl_memory_desc;
import org.jspecify.annotations.Nullable;

/**
 * A training plan before anything is allocated: the primitives of the forward pass, of evaluation
 * and of the backward pass, and the lifetime of every buffer. Not thread-safe; its descriptors live
 * in the scope it was given.
 *
 * <p>The convolution's result y is kept for the batch norm's gradient, the operation's result for
 * the next operation's.
 */
final class TrainingProgram {
  private final NetworkSpec network;
  private final TrainingLayouts layouts;
  private final TrainingParts parts;
  private final TrainingForward forward;
  private final TrainingBackward backward;
  private final Map<String, Buffer> hostOutputs = new LinkedHashMap<>();
  private final Map<String, Buffer> hostGradients = new LinkedHashMap<>();
  private final Buffer hostInput;
  private final @Nullable Buffer hostInputGradient;
  private final ArenaPlanner planner = new ArenaPlanner();
  private final long arenaBytes;
  private final long slowWork;
  private long hostBytes;

  private TrainingProgram(
      Scope scope,
      NetworkSpec whole,
      NetworkSpec network,
      TrainingOptions options,
      int type,
      TrainingFormat format,
      FastConvolutions fast) {
    this.network = network;
    this.layouts = new TrainingLayouts(scope, network, options, type, format, fast);
    GradientFlow flow = new GradientFlow(network, options);
    TrainingWeights weights = new TrainingWeights(whole, flow, options.optimizer());
    this.parts = new TrainingParts(layouts, flow, weights);
    WeightGradients gradients = new WeightGradients(layouts);
    this.forward = new TrainingForward(layouts, parts, gradients);
    this.backward = new TrainingBackward(layouts, parts, gradients, forward);
    this.hostInput = hostBuffer(network.input());
    this.hostInputGradient = options.inputGradient() ? hostBuffer(network.input()) : null;
    for (String name : options.outputs()) {
      hostOutputs.put(name, hostBuffer(network.output(name)));
      hostGradients.put(name, hostBuffer(network.output(name)));
    }
    load();
    List<Operation> operations = network.operations();
    for (int i = 0; i < operations.size(); i++) {
      forward.add(operations.get(i), i + 1);
    }
    int turn = operations.size() + 1;
    for (String name : options.outputs()) {
      store(name, turn);
      loadGradient(name, turn);
    }
    for (int i = operations.size() - 1; i >= 0; i--) {
      if (flow.reaches(operations.get(i).output())) {
        backward.add(operations.get(i), 2 * turn - i);
      }
    }
    storeInputGradient(2 * turn + 1);
    for (ParameterSpec spec : whole.parameters().values()) {
      if (!weights.contains(spec)) {
        dnnl_memory_desc plain = layouts.plain(spec);
        weights.add(spec, plain, plain);
      }
    }
    parts.buffers().forEach(buffer -> buffer.place(planner));
    this.arenaBytes = planner.plan();
    this.slowWork =
        implementations().stream()
            .filter(Implementation::isSlow)
            .mapToLong(Implementation::work)
            .sum();
  }

  /**
   * Plans in the format in which least is left to oneDNN's reference loops; of several the one that
   * should be fastest. Where some is left, that is logged.
   *
   * @param scope owns the descriptors, also those of formats that were tried in vain
   * @param whole the network
   * @param options what to train, and how
   * @param type of activations, {@link Dnnl#F32} or {@link Dnnl#BF16}
   * @param fast which convolutions are fast ones
   * @throws EngineException if oneDNN can run the network in no format
   */
  static TrainingProgram of(
      Scope scope, NetworkSpec whole, TrainingOptions options, int type, FastConvolutions fast) {
    options.request().requireHostFloats(OneDnnProvider.NAME);
    NetworkSpec network = whole.restrictedTo(options.outputs());
    TrainingProgram best = null;
    EngineException refusal = null;
    for (TrainingFormat format : TrainingFormat.byPreference(InstructionSet.effective())) {
      if (!TrainingLayouts.canBe(network, format)) {
        continue;
      }
      try {
        TrainingProgram program =
            new TrainingProgram(scope, whole, network, options, type, format, fast);
        best = best == null || program.slowWork < best.slowWork ? program : best;
      } catch (EngineException e) {
        refusal = e;
      }
      if (best != null && best.slowWork == 0) {
        break;
      }
    }
    if (best == null) {
      throw refusal == null
          ? new EngineException("onednn: no layout for training " + network.name())
          : refusal;
    }
    SlowSteps.log("training " + network.name(), best.format(), best.implementations());
    return best;
  }

  /** What oneDNN has chosen for the steps forward and backward. */
  List<Implementation> implementations() {
    return Stream.of(forward(), backward())
        .flatMap(steps -> steps.implementations().stream())
        .toList();
  }

  /** The format of the activations. */
  TrainingFormat format() {
    return layouts.format();
  }

  // What others need.

  TrainingWeights weights() {
    return parts.weights();
  }

  List<BatchStatistics> statistics() {
    return forward.statistics();
  }

  Steps packing() {
    return parts.packing();
  }

  Steps forward() {
    return parts.forward();
  }

  Steps evaluation() {
    return parts.evaluation();
  }

  Steps backward() {
    return parts.backward();
  }

  Steps accumulation() {
    return parts.accumulation();
  }

  Buffer hostInput() {
    return hostInput;
  }

  @Nullable Buffer hostInputGradient() {
    return hostInputGradient;
  }

  Map<String, Buffer> hostOutputs() {
    return hostOutputs;
  }

  Map<String, Buffer> hostGradients() {
    return hostGradients;
  }

  PlanMemory memory() {
    long scratch = 0;
    for (Steps steps : List.of(packing(), forward(), evaluation(), backward(), accumulation())) {
      scratch = Math.max(scratch, steps.scratchBytes());
    }
    return new PlanMemory(
        parts.weights().bytes(), arenaBytes, planner.unshared(), scratch, hostBytes);
  }

  private Buffer hostBuffer(Value value) {
    long bytes = layouts.shape(value).elements() * Float.BYTES;
    Buffer buffer = Buffer.at(Region.HOST, hostBytes, bytes);
    hostBytes += (bytes + 63) / 64 * 64;
    return buffer;
  }

  // Between the caller's buffers and the plan's.

  private void load() {
    Value input = network.input();
    dnnl_memory_desc from = layouts.hostDesc(input);
    dnnl_memory_desc to = layouts.desc(input);
    if (Dnnl.equal(from, to)) {
      parts.place(input, hostInput);
      return;
    }
    for (Steps steps : parts.forwards()) {
      parts.copy(steps, "loading the input", from, hostInput, to, parts.valueOf(input), 0);
    }
  }

  private void store(String name, int time) {
    Value output = network.output(name);
    Buffer host = hostOutputs.get(name);
    for (Steps steps : parts.forwards()) {
      parts.copy(
          steps,
          "storing " + name,
          layouts.desc(output),
          parts.valueOf(output),
          layouts.hostDesc(output),
          host,
          time);
    }
  }

  private void loadGradient(String name, int time) {
    Value output = network.output(name);
    if (parts.flow().reaches(output)) {
      // Flat gradients have the type of what the matrix products read.
      dnnl_memory_desc to = layouts.desc(output, layouts.type());
      Buffer target = parts.arena(to);
      Buffer host = hostGradients.get(name);
      for (Steps steps : parts.backwards()) {
        parts.copy(
            steps,
            "loading the gradient of " + name,
            layouts.hostDesc(output),
            host,
            to,
            target,
            time);
      }
      backward.gradients().contribute(output, target, time);
    }
  }

  private void storeInputGradient(int time) {
    Buffer host = hostInputGradient;
    if (host != null) {
      Value input = network.input();
      Buffer gradient = backward.gradients().of(input);
      if (gradient == null) {
        return;
      }
      for (Steps steps : parts.backwards()) {
        parts.copy(
            steps,
            "storing the input's gradient",
            layouts.desc(input),
            gradient,
            layouts.hostDesc(input),
            host,
            time);
      }
    }
  }
}
