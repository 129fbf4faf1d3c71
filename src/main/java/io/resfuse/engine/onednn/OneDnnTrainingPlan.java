package io.resfuse.engine.onednn;

import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_FROM;
import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_TO;

import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.ParameterSpec;
import io.resfuse.engine.Parameters;
import io.resfuse.engine.PlanMemory;
import io.resfuse.engine.TrainingOptions;
import io.resfuse.engine.onednn.NativeLibrary.Threads;
import io.resfuse.engine.onednn.TrainingWeights.Entry;
import io.resfuse.engine.spi.AbstractTrainingPlan;
import io.resfuse.engine.spi.SoftmaxLoss;
import io.resfuse.tensor.HostTensor;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.dnnl.dnnl_memory_desc;
import org.bytedeco.dnnl.dnnl_primitive;
import org.bytedeco.dnnl.dnnl_primitive_desc;
import org.bytedeco.dnnl.dnnl_stream;
import org.jspecify.annotations.Nullable;

/** A bound {@link TrainingProgram}. One owner: not thread-safe. */
final class OneDnnTrainingPlan extends AbstractTrainingPlan {
  private static final String LOGITS = "logits";

  private final TrainingOptions options;
  private final Threads threads;
  private final Scope scope;
  private final PlanMemory memory;
  private final TrainingWeights weights;
  private final NativeMemory arena;
  private final NativeMemory weightMemory;
  private final NativeMemory host;
  private final Workers workers;
  private final dnnl_stream stream;

  /** Tests change some of these. */
  final Command[] packing;

  final Command[] forward;
  final Command[] evaluation;
  final Command[] backward;
  final Command[] accumulation;

  private final RunningStatistics statistics;
  private final OptimizerUpdate optimizer;
  private final Map<String, SoftmaxLoss> losses = new HashMap<>();
  private final FloatBuffer input;
  private final @Nullable FloatBuffer inputGradient;
  private final Map<String, FloatBuffer> outputs = new HashMap<>();
  private final Map<String, FloatBuffer> outputGradients = new HashMap<>();
  private final FloatBuffer[] outputArray;
  private boolean packed;

  /**
   * Allocates.
   *
   * @param scope owns the program's descriptors; closed with the plan, or if this throws
   * @param program what to run
   * @param network the whole network
   * @param parameters initial values
   * @param options what the program was made for
   * @param threads for primitives and loops
   */
  OneDnnTrainingPlan(
      Scope scope,
      TrainingProgram program,
      NetworkSpec network,
      Parameters parameters,
      TrainingOptions options,
      Threads threads) {
    super(network, options);
    this.scope = scope;
    this.options = options;
    this.threads = threads;
    this.memory = program.memory();
    this.weights = program.weights();
    NativeMemory values = null;
    NativeMemory arrays = null;
    NativeMemory buffers = null;
    Workers helpers = null;
    boolean done = false;
    try {
      String what = "training " + network.name() + " with " + options.batch() + " images";
      values = new NativeMemory(memory.activations() + memory.workspace(), what);
      arrays = new NativeMemory(memory.weights(), "the weights for " + what);
      buffers = new NativeMemory(memory.host(), "host buffers for " + what);
      helpers = new Workers(threads.count());
      this.arena = values;
      this.weightMemory = arrays;
      this.host = buffers;
      this.workers = helpers;
      this.stream = Dnnl.stream(scope);
      Steps.Bases bases =
          new Steps.Bases(
              arena.address(),
              weightMemory.address(),
              host.address(),
              arena.address() + memory.activations());
      Map<dnnl_primitive_desc, dnnl_primitive> primitives = new HashMap<>();
      this.packing = program.packing().bind(scope, bases, primitives);
      this.forward = program.forward().bind(scope, bases, primitives);
      this.evaluation = program.evaluation().bind(scope, bases, primitives);
      this.backward = program.backward().bind(scope, bases, primitives);
      this.accumulation = program.accumulation().bind(scope, bases, primitives);
      this.statistics = new RunningStatistics(program.statistics(), weightMemory);
      this.optimizer = new OptimizerUpdate(options.optimizer(), weights, weightMemory, workers);
      this.input = hostView(program.hostInput());
      Buffer gradient = program.hostInputGradient();
      this.inputGradient = gradient == null ? null : hostView(gradient);
      program.hostOutputs().forEach((name, buffer) -> outputs.put(name, hostView(buffer)));
      program
          .hostGradients()
          .forEach((name, buffer) -> outputGradients.put(name, hostView(buffer)));
      for (String name : options.outputs()) {
        losses.put(name, new SoftmaxLoss(outputShape(name), options.layout()));
      }
      this.outputArray = outputs.values().toArray(FloatBuffer[]::new);
      weights.fillConstants(weightMemory);
      writeParameters(parameters);
      done = true;
    } finally {
      if (!done) {
        closeAll(helpers, scope, values, arrays, buffers);
      }
    }
  }

  private static void closeAll(
      @Nullable Workers workers, Scope scope, @Nullable NativeMemory... memories) {
    if (workers != null) {
      workers.close();
    }
    scope.close();
    for (NativeMemory block : memories) {
      if (block != null) {
        block.close();
      }
    }
  }

  private FloatBuffer hostView(Buffer buffer) {
    return host.floats(buffer.offset(), buffer.bytes() / Float.BYTES);
  }

  @Override
  protected FloatBuffer inputBuffer() {
    return input;
  }

  @Override
  protected void runForward() {
    pack();
    run(forward);
    showNonFinite(!statistics.areFinite());
    statistics.move();
  }

  /** A NaN anywhere reaches the statistics of its batch norm, and through them every image. */
  private void showNonFinite(boolean everywhere) {
    int batch = options.batch();
    int length = input.capacity() / batch;
    for (int n = 0; n < batch; n++) {
      if (everywhere || NonFinite.isIn(input, n * length, (n + 1) * length)) {
        for (FloatBuffer output : outputArray) {
          int size = output.capacity() / batch;
          NonFinite.fill(output, n * size, (n + 1) * size);
        }
      }
    }
  }

  @Override
  protected void runEvaluation() {
    pack();
    run(evaluation);
    showNonFinite(!statistics.runningAreFinite());
  }

  private void pack() {
    if (!packed) {
      run(packing);
      packed = true;
    }
  }

  private void run(Command[] commands) {
    threads.use();
    for (Command command : commands) {
      command.run(stream);
    }
  }

  @Override
  protected double time(String operation, Runnable coolCaches) {
    threads.use();
    return Command.seconds(network(), operation, bothWays(), stream, coolCaches);
  }

  @Override
  protected List<String> kernels(String operation) {
    return Command.implementations(network(), operation, bothWays());
  }

  private List<Command> bothWays() {
    List<Command> all = new ArrayList<>(List.of(forward));
    all.addAll(List.of(backward));
    return all;
  }

  @Override
  protected FloatBuffer outputBuffer(String name) {
    return outputs.get(name);
  }

  @Override
  protected FloatBuffer outputGradientBuffer(String name) {
    return outputGradients.get(name);
  }

  @Override
  protected double lossOfLabels(
      String output, int[] labels, double smoothing, double weight, int counted) {
    return losses
        .get(output)
        .againstLabels(
            outputs.get(output), labels, smoothing, weight, counted, outputGradients.get(output));
  }

  @Override
  protected double lossOfTargets(FloatBuffer targets) {
    return losses
        .get(LOGITS)
        .againstTargets(outputs.get(LOGITS), targets, outputGradients.get(LOGITS));
  }

  @Override
  protected void runBackward(boolean accumulate) {
    run(accumulate ? accumulation : backward);
  }

  @Override
  protected FloatBuffer inputGradientBuffer() {
    return inputGradient;
  }

  @Override
  protected double normOfGradients() {
    return optimizer.gradientNorm();
  }

  @Override
  protected void runOptimizer(int step, double learningRate, double gradientScale) {
    optimizer.step(step, learningRate, gradientScale);
    packed = false;
  }

  @Override
  protected void readValue(ParameterSpec parameter, HostTensor target) {
    Entry entry = weights.get(parameter);
    read(entry, entry.master(), target);
  }

  @Override
  protected void writeValue(ParameterSpec parameter, HostTensor source) {
    Entry entry = weights.get(parameter);
    write(entry, source, entry.master());
  }

  @Override
  protected void valuesWritten() {
    packed = false;
  }

  @Override
  protected void readGradient(ParameterSpec parameter, HostTensor target) {
    Entry entry = weights.get(parameter);
    read(entry, entry.gradient(), target);
  }

  @Override
  protected void writeGradient(ParameterSpec parameter, HostTensor source) {
    Entry entry = weights.get(parameter);
    write(entry, source, entry.gradient());
  }

  @Override
  protected void readState(ParameterSpec parameter, int index, HostTensor target) {
    Entry entry = weights.get(parameter);
    read(entry, entry.states().get(index), target);
  }

  @Override
  protected void writeState(ParameterSpec parameter, int index, HostTensor source) {
    Entry entry = weights.get(parameter);
    write(entry, source, entry.states().get(index));
  }

  /** Copies an array of a parameter to the host's order. */
  private void read(Entry entry, Buffer source, HostTensor target) {
    long count = entry.spec().shape().elements();
    if (Dnnl.equal(entry.plain(), entry.layout())) {
      target.buffer().put(weightMemory.floats(source.offset(), count));
      return;
    }
    try (NativeMemory plain = new NativeMemory(count * Float.BYTES, "reading parameters")) {
      reorder(
          entry.layout(), weightMemory.address() + source.offset(), entry.plain(), plain.address());
      target.buffer().put(plain.floats(0, count));
    }
  }

  /** Copies an array of a parameter from the host's order. */
  private void write(Entry entry, HostTensor source, Buffer target) {
    long count = entry.spec().shape().elements();
    if (Dnnl.equal(entry.plain(), entry.layout())) {
      weightMemory.floats(target.offset(), count).put(source.buffer());
      return;
    }
    try (NativeMemory plain = new NativeMemory(count * Float.BYTES, "writing parameters")) {
      plain.floats(0, count).put(source.buffer());
      reorder(
          entry.plain(), plain.address(), entry.layout(), weightMemory.address() + target.offset());
    }
  }

  private void reorder(dnnl_memory_desc from, long source, dnnl_memory_desc to, long target) {
    threads.use();
    try (Scope temporary = new Scope();
        NativeMemory scratch = new NativeMemory(1L << 20, "scratch memory for parameters")) {
      dnnl_primitive_desc desc = Pointwise.reorder(temporary, from, to);
      new Command.Builder(temporary, "changing the layout of a parameter")
          .bind(DNNL_ARG_FROM, from, source)
          .bind(DNNL_ARG_TO, to, target)
          .scratch(desc, scratch.address())
          .build(Dnnl.primitive(temporary, desc))
          .run(stream);
    }
  }

  @Override
  public PlanMemory memory() {
    return memory;
  }

  @Override
  protected void release() {
    closeAll(workers, scope, arena, weightMemory, host);
  }
}
