package io.resfuse.engine.cuda;

import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.OperationTimer;
import io.resfuse.engine.Parameters;
import io.resfuse.engine.PlanMemory;
import io.resfuse.engine.TrainingOptions;
import io.resfuse.engine.TrainingPlan;
import io.resfuse.engine.cuda.driver.Context;
import io.resfuse.engine.cuda.driver.DeviceMemory;
import io.resfuse.engine.cuda.driver.Stream;
import io.resfuse.engine.cuda.emit.GradientNorm;
import io.resfuse.engine.cuda.emit.ImageInput;
import io.resfuse.engine.cuda.emit.LossProgram;
import io.resfuse.engine.cuda.emit.OptimizerProgram;
import io.resfuse.engine.cuda.layout.ParameterSpace;
import io.resfuse.engine.cuda.program.Binding;
import io.resfuse.engine.cuda.program.Buffer;
import io.resfuse.engine.cuda.program.HostBuffer;
import io.resfuse.engine.cuda.program.HostBuffers;
import io.resfuse.engine.cuda.program.Pass;
import io.resfuse.engine.cuda.program.PlanMemories;
import io.resfuse.engine.cuda.program.Program;
import io.resfuse.engine.cuda.program.Resources;
import io.resfuse.tensor.HostTensor;
import io.resfuse.tensor.Shape;
import java.nio.ByteBuffer;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** A bound {@link TrainingProgram}, a graph per pass. One owner: not thread-safe. */
final class CudaTrainingPlan implements TrainingPlan, OperationTimer {
  private static final String LOGITS = "logits";
  private static final String STEPS = "steps";

  private final TrainingProgram program;
  private final NetworkSpec network;
  private final Resources resources = new Resources();
  private final Stream stream;
  private final ParameterSpace space;
  private final DeviceParameters arrays;
  private final Pass forward;
  private final Pass evaluation;
  private final Pass backward;
  private final Pass accumulation;
  private final Pass storing;
  private final Pass transposing;
  private final OperationStopwatch stopwatch;
  private final LossProgram.@Nullable Loss loss;
  private final GradientNorm.Bound norm;
  private final OptimizerProgram.Bound optimizer;
  private final ImageInput images;
  private final @Nullable FloatBuffer inputGradient;
  private final Map<String, FloatBuffer> outputs = new HashMap<>();
  private final Map<String, FloatBuffer> outputGradients = new HashMap<>();
  private boolean transposed;
  private boolean forwardRan;
  private boolean closed;

  /**
   * Allocates and captures.
   *
   * @param context where
   * @param program what to run
   * @param network the whole network
   * @param initial values
   */
  CudaTrainingPlan(
      Context context, TrainingProgram program, NetworkSpec network, Parameters initial) {
    this.program = program;
    this.network = network;
    this.space = program.parameters();
    resources.own(program, program::close);
    boolean done = false;
    try {
      TrainingOptions options = program.options();
      String purpose =
          String.format(
              "training %s with %d images of %dx%d needs %s",
              network.name(), options.batch(), options.height(), options.width(), program.memory());
      Stream fresh = new Stream(context);
      this.stream = resources.own(fresh, fresh::close);
      Map<Buffer.Kind, DeviceMemory> memories =
          PlanMemories.allocate(
              context,
              resources,
              purpose,
              program.activationBytes(),
              program.workspaceBytes(),
              program.keptBytes());
      this.arrays = new DeviceParameters(memories.get(Buffer.Kind.PLAN));
      HostBuffers host = program.host();
      resources.own(host, host::close);
      host.allocate(context, purpose);
      Binding binding = new Binding(memories, false);
      Binding adding = new Binding(memories, true);
      if (program.warmsUp()) {
        warmUp(binding, adding);
        memories.get(Buffer.Kind.PLAN).fill(0);
      }
      program.writeConstants(memories.get(Buffer.Kind.PLAN));
      List<Program.Step> forwardSteps = program.forward().bind(binding);
      List<Program.Step> backwardSteps = program.backward().bind(binding);
      List<Program.Step> steps = new ArrayList<>(forwardSteps);
      steps.addAll(backwardSteps);
      this.stopwatch = new OperationStopwatch(context, stream, program.shapes().network(), steps);
      resources.own(stopwatch, stopwatch::close);
      this.forward = pass("the forward pass", forwardSteps);
      this.evaluation = pass("the evaluation", program.evaluation().bind(binding));
      this.backward = pass("the backward pass", backwardSteps);
      this.accumulation = pass("the backward pass", program.backward().bind(adding));
      this.storing = pass("the rounding of weights", program.storing().bind(binding));
      this.transposing = pass("the transposition of weights", program.transposing().bind(binding));
      LossProgram lossProgram = program.loss();
      this.loss = lossProgram == null ? null : lossProgram.bind(binding, stream);
      if (loss != null) {
        resources.own(loss, loss::close);
      }
      this.norm = program.norm().bind(binding, stream);
      resources.own(norm, norm::close);
      this.optimizer = program.optimizer().bind(binding, stream);
      this.images = program.input();
      images.open();
      HostBuffer gradient = program.inputGradient();
      this.inputGradient = gradient == null ? null : HostBuffers.floats(gradient);
      program.outputs().forEach((name, buffer) -> outputs.put(name, HostBuffers.floats(buffer)));
      program
          .outputGradients()
          .forEach((name, buffer) -> outputGradients.put(name, HostBuffers.floats(buffer)));
      write(initial);
      done = true;
    } finally {
      if (!done) {
        resources.close();
      }
    }
  }

  /** On whatever is there: nothing that it leaves is used. */
  private void warmUp(Binding binding, Binding adding) {
    String doing = "training " + network.name() + " for the first time";
    for (List<Program.Step> steps :
        List.of(
            program.forward().bind(binding),
            program.backward().bind(binding),
            program.forward().bind(binding),
            program.backward().bind(adding),
            program.evaluation().bind(binding))) {
      Pass.warmUp(doing, stream, steps);
    }
  }

  private Pass pass(String what, List<Program.Step> steps) {
    Pass pass = new Pass("running " + what + " of " + network.name(), stream, steps);
    return resources.own(pass, pass::close);
  }

  @Override
  public TrainingOptions options() {
    return program.options();
  }

  @Override
  public FloatBuffer input() {
    checkOpen();
    return images.floats();
  }

  @Override
  public ByteBuffer pixels() {
    checkOpen();
    return images.pixels();
  }

  @Override
  public void forward() {
    checkOpen();
    forward.run();
    forwardRan = true;
  }

  @Override
  public void evaluate() {
    checkOpen();
    forwardRan = false;
    evaluation.run();
  }

  @Override
  public double seconds(String operation, Runnable coolCaches) {
    checkOpen();
    return stopwatch.seconds(operation);
  }

  @Override
  public FloatBuffer output(String name) {
    checkOpen();
    return ofOutput(outputs, name);
  }

  @Override
  public Shape outputShape(String name) {
    if (!options().outputs().contains(name)) {
      throw noOutput(name);
    }
    return program.shapes().shape(program.shapes().network().output(name));
  }

  @Override
  public FloatBuffer outputGradient(String name) {
    checkOpen();
    return ofOutput(outputGradients, name);
  }

  private FloatBuffer ofOutput(Map<String, FloatBuffer> map, String name) {
    FloatBuffer found = map.get(name);
    if (found == null) {
      throw noOutput(name);
    }
    return found;
  }

  private IllegalArgumentException noOutput(String name) {
    return new IllegalArgumentException(
        "the plan has no output '" + name + "'; it has " + options().outputs());
  }

  @Override
  public double softmaxCrossEntropy(int[] labels, double smoothing) {
    return loss().againstLabels(labels, smoothing);
  }

  @Override
  public double softmaxCrossEntropy(FloatBuffer targets) {
    return loss().againstTargets(targets);
  }

  private LossProgram.Loss loss() {
    checkOpen();
    LossProgram.Loss present = loss;
    if (present == null) {
      throw noOutput(LOGITS);
    }
    return present;
  }

  /**
   * {@inheritDoc}
   *
   * <p>Its gradients take the place of what the forward pass kept: a second backward pass needs a
   * forward pass of its own.
   */
  @Override
  public void backward(boolean accumulate) {
    checkOpen();
    if (!forwardRan) {
      throw new IllegalStateException(
          "backward() needs a forward() of its own before it (evaluate() keeps nothing for it)");
    }
    forwardRan = false;
    if (!transposed) {
      transposing.start();
      transposed = true;
    }
    (accumulate ? accumulation : backward).run();
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
    ParameterSpace.Entry entry = space.find(parameter);
    if (entry == null || !entry.trained()) {
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
    arrays.read(entry, space.gradients(), target);
  }

  @Override
  public double gradientNorm() {
    checkOpen();
    return norm.compute();
  }

  /**
   * {@inheritDoc}
   *
   * <p>Returns before the device is done; what is called next waits where it must.
   */
  @Override
  public void update(double learningRate, double gradientScale) {
    checkOpen();
    optimizer.step(learningRate, gradientScale);
    transposed = false;
  }

  @Override
  public void readParameters(Parameters target) {
    checkOpen();
    stream.synchronize("waiting for the optimizer");
    for (ParameterSpace.Entry entry : space.all()) {
      arrays.read(entry, space.masters(), target.get(entry.spec()));
    }
  }

  @Override
  public void writeParameters(Parameters source) {
    checkOpen();
    write(source);
  }

  private void write(Parameters source) {
    stream.synchronize("waiting for the optimizer");
    for (ParameterSpace.Entry entry : space.all()) {
      arrays.write(entry, source.get(entry.spec()), space.masters());
    }
    storing.run();
    transposed = false;
  }

  @Override
  public Map<String, HostTensor> readOptimizerState() {
    checkOpen();
    stream.synchronize("waiting for the optimizer");
    Map<String, HostTensor> state = new LinkedHashMap<>();
    List<String> names = ParameterSpace.stateNames(options().optimizer());
    for (ParameterSpace.Entry entry : space.trained()) {
      for (int i = 0; i < names.size(); i++) {
        HostTensor tensor = HostTensor.zeros(entry.spec().shape());
        arrays.read(entry, space.states().get(i), tensor);
        state.put(entry.spec().name() + "/" + names.get(i), tensor);
      }
    }
    state.put(STEPS, HostTensor.of(Shape.of(1), optimizer.steps()));
    return state;
  }

  @Override
  public void writeOptimizerState(Map<String, HostTensor> state) {
    checkOpen();
    List<String> names = ParameterSpace.stateNames(options().optimizer());
    HostTensor steps = require(state, STEPS, Shape.of(1));
    for (ParameterSpace.Entry entry : space.trained()) {
      for (String name : names) {
        require(state, entry.spec().name() + "/" + name, entry.spec().shape());
      }
    }
    stream.synchronize("waiting for the optimizer");
    for (ParameterSpace.Entry entry : space.trained()) {
      for (int i = 0; i < names.size(); i++) {
        String key = entry.spec().name() + "/" + names.get(i);
        arrays.write(entry, state.get(key), space.states().get(i));
      }
    }
    optimizer.setSteps((int) steps.get(0));
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

  @Override
  public PlanMemory memory() {
    return program.memory();
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
      resources.close();
    }
  }
}
