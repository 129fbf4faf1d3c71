package io.resfuse.engine.onednn;

import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_FROM;
import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_TO;

import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.OperationTimer;
import io.resfuse.engine.Parameters;
import io.resfuse.engine.PlanMemory;
import io.resfuse.engine.TrainingOptions;
import io.resfuse.engine.TrainingPlan;
import io.resfuse.engine.onednn.NativeLibrary.Threads;
import io.resfuse.engine.onednn.TrainingWeights.Entry;
import io.resfuse.tensor.HostTensor;
import io.resfuse.tensor.Shape;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.dnnl.dnnl_memory_desc;
import org.bytedeco.dnnl.dnnl_primitive;
import org.bytedeco.dnnl.dnnl_primitive_desc;
import org.bytedeco.dnnl.dnnl_stream;
import org.jspecify.annotations.Nullable;

/** A bound {@link TrainingProgram}. One owner: not thread-safe. */
final class OneDnnTrainingPlan implements TrainingPlan, OperationTimer {
  private static final String LOGITS = "logits";
  private static final String STEPS = "steps";

  private final NetworkSpec network;
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
  private final Command[] packing;
  private final Command[] forward;
  private final Command[] evaluation;
  private final Command[] backward;
  private final Command[] accumulation;
  private final RunningStatistics statistics;
  private final OptimizerUpdate optimizer;
  private final @Nullable SoftmaxLoss loss;
  private final FloatBuffer input;
  private final @Nullable FloatBuffer inputGradient;
  private final Map<String, FloatBuffer> outputs = new HashMap<>();
  private final Map<String, FloatBuffer> outputGradients = new HashMap<>();
  private final Map<String, Shape> shapes = new HashMap<>();
  private final FloatBuffer[] outputArray;
  private boolean packed;
  private boolean forwardRan;
  private boolean closed;

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
    this.scope = scope;
    this.network = network;
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
      options.outputs().forEach(name -> shapes.put(name, program.shape(name)));
      Shape logits = shapes.get(LOGITS);
      this.loss = logits == null ? null : new SoftmaxLoss(options.batch(), logits.dimension(1));
      this.outputArray = outputs.values().toArray(FloatBuffer[]::new);
      weights.fillConstants(weightMemory);
      write(parameters);
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
  public TrainingOptions options() {
    return options;
  }

  @Override
  public FloatBuffer input() {
    checkOpen();
    return input;
  }

  @Override
  public void forward() {
    checkOpen();
    pack();
    run(forward);
    showNonFinite(!statistics.areFinite());
    statistics.move();
    forwardRan = true;
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
  public void evaluate() {
    checkOpen();
    forwardRan = false;
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
  public double seconds(String operation, Runnable coolCaches) {
    checkOpen();
    threads.use();
    return Command.seconds(network, operation, bothWays(), stream, coolCaches);
  }

  @Override
  public List<String> implementations(String operation) {
    checkOpen();
    return Command.implementations(network, operation, bothWays());
  }

  private List<Command> bothWays() {
    List<Command> all = new ArrayList<>(List.of(forward));
    all.addAll(List.of(backward));
    return all;
  }

  @Override
  public FloatBuffer output(String name) {
    checkOpen();
    return ofOutput(outputs, name);
  }

  @Override
  public Shape outputShape(String name) {
    return ofOutput(shapes, name);
  }

  @Override
  public FloatBuffer outputGradient(String name) {
    checkOpen();
    return ofOutput(outputGradients, name);
  }

  private <T> T ofOutput(Map<String, T> map, String name) {
    T found = map.get(name);
    if (found == null) {
      throw new IllegalArgumentException(
          "the plan has no output '" + name + "'; it has " + options.outputs());
    }
    return found;
  }

  @Override
  public double softmaxCrossEntropy(int[] labels, double smoothing) {
    checkOpen();
    return loss()
        .againstLabels(output(LOGITS), labels, smoothing, ofOutput(outputGradients, LOGITS));
  }

  @Override
  public double softmaxCrossEntropy(FloatBuffer targets) {
    checkOpen();
    return loss().againstTargets(output(LOGITS), targets, ofOutput(outputGradients, LOGITS));
  }

  private SoftmaxLoss loss() {
    SoftmaxLoss present = loss;
    if (present == null) {
      throw new IllegalArgumentException(
          "the plan has no output '" + LOGITS + "'; it has " + options.outputs());
    }
    return present;
  }

  @Override
  public void backward(boolean accumulate) {
    checkOpen();
    if (!forwardRan) {
      throw new IllegalStateException(
          "backward() needs a forward() before it (evaluate() keeps nothing for it)");
    }
    run(accumulate ? accumulation : backward);
  }

  @Override
  public FloatBuffer inputGradient() {
    checkOpen();
    FloatBuffer gradient = inputGradient;
    if (gradient == null) {
      throw new IllegalStateException(
          "this plan computes no input gradient; make it with options.withInputGradient(true)");
    }
    return gradient;
  }

  @Override
  public void readGradient(String parameter, HostTensor target) {
    checkOpen();
    Entry entry = find(parameter);
    Buffer gradient = entry == null ? null : entry.gradient();
    if (entry == null || gradient == null) {
      throw new IllegalArgumentException(
          "'"
              + parameter
              + "' has no gradient: it is no trainable parameter of this plan or frozen");
    }
    Shape shape = entry.spec().shape();
    if (!target.shape().equals(shape)) {
      throw new IllegalArgumentException(
          "the gradient of "
              + parameter
              + " has shape "
              + shape
              + ", the target "
              + target.shape());
    }
    read(entry, gradient, target);
  }

  private @Nullable Entry find(String parameter) {
    return network.parameters().containsKey(parameter) ? weights.get(parameter) : null;
  }

  @Override
  public double gradientNorm() {
    checkOpen();
    return optimizer.gradientNorm();
  }

  @Override
  public void update(double learningRate, double gradientScale) {
    checkOpen();
    optimizer.step(learningRate, gradientScale);
    packed = false;
  }

  @Override
  public void readParameters(Parameters target) {
    checkOpen();
    for (Entry entry : weights.all()) {
      read(entry, entry.master(), target.get(entry.spec()));
    }
  }

  @Override
  public void writeParameters(Parameters source) {
    checkOpen();
    write(source);
  }

  private void write(Parameters source) {
    for (Entry entry : weights.all()) {
      write(entry, source.get(entry.spec()), entry.master());
    }
    packed = false;
  }

  @Override
  public Map<String, HostTensor> readOptimizerState() {
    checkOpen();
    Map<String, HostTensor> state = new LinkedHashMap<>();
    List<String> names = TrainingWeights.stateNames(options.optimizer());
    for (Entry entry : weights.trained()) {
      for (int i = 0; i < names.size(); i++) {
        HostTensor tensor = HostTensor.zeros(entry.spec().shape());
        read(entry, entry.states().get(i), tensor);
        state.put(entry.spec().name() + "/" + names.get(i), tensor);
      }
    }
    state.put(STEPS, HostTensor.of(Shape.of(1), optimizer.steps()));
    return state;
  }

  @Override
  public void writeOptimizerState(Map<String, HostTensor> state) {
    checkOpen();
    List<String> names = TrainingWeights.stateNames(options.optimizer());
    require(state, STEPS, Shape.of(1));
    for (Entry entry : weights.trained()) {
      for (String name : names) {
        require(state, entry.spec().name() + "/" + name, entry.spec().shape());
      }
    }
    for (Entry entry : weights.trained()) {
      for (int i = 0; i < names.size(); i++) {
        write(
            entry,
            require(state, entry.spec().name() + "/" + names.get(i), entry.spec().shape()),
            entry.states().get(i));
      }
    }
    optimizer.setSteps((int) require(state, STEPS, Shape.of(1)).get(0));
  }

  private static HostTensor require(Map<String, HostTensor> state, String key, Shape shape) {
    HostTensor tensor = state.get(key);
    if (tensor == null) {
      throw new IllegalArgumentException(
          "the optimizer's state lacks '"
              + key
              + "'; it was saved with another optimizer or other frozen parameters");
    }
    if (!tensor.shape().equals(shape)) {
      throw new IllegalArgumentException(
          "the optimizer's state '" + key + "' needs shape " + shape + ", got " + tensor.shape());
    }
    return tensor;
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
      dnnl_primitive_desc desc = Dnnl.reorder(temporary, from, to);
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

  private void checkOpen() {
    if (closed) {
      throw new IllegalStateException("this training plan of " + network.name() + " is closed");
    }
  }

  @Override
  public void close() {
    if (!closed) {
      closed = true;
      closeAll(workers, scope, arena, weightMemory, host);
    }
  }
}
