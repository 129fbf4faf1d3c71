package io.resfuse.engine.cuda;

import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.ParameterSpec;
import io.resfuse.engine.Parameters;
import io.resfuse.engine.PlanMemory;
import io.resfuse.engine.TrainingOptions;
import io.resfuse.engine.cuda.internal.driver.Context;
import io.resfuse.engine.cuda.internal.driver.DeviceMemory;
import io.resfuse.engine.cuda.internal.driver.Stream;
import io.resfuse.engine.cuda.internal.emit.GradientNorm;
import io.resfuse.engine.cuda.internal.emit.ImageInput;
import io.resfuse.engine.cuda.internal.emit.LossProgram;
import io.resfuse.engine.cuda.internal.emit.OptimizerProgram;
import io.resfuse.engine.cuda.internal.layout.ParameterSpace;
import io.resfuse.engine.cuda.internal.program.Binding;
import io.resfuse.engine.cuda.internal.program.Buffer;
import io.resfuse.engine.cuda.internal.program.HostBuffer;
import io.resfuse.engine.cuda.internal.program.HostBuffers;
import io.resfuse.engine.cuda.internal.program.Pass;
import io.resfuse.engine.cuda.internal.program.PlanMemories;
import io.resfuse.engine.cuda.internal.program.Program;
import io.resfuse.engine.cuda.internal.program.Resources;
import io.resfuse.engine.spi.AbstractTrainingPlan;
import io.resfuse.engine.spi.GradientExchange;
import io.resfuse.engine.spi.SoftmaxLoss;
import io.resfuse.tensor.HostTensor;
import java.nio.ByteBuffer;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** A bound {@link TrainingProgram}, a graph per pass. One owner: not thread-safe. */
final class CudaTrainingPlan extends AbstractTrainingPlan {
  private static final String LOGITS = "logits";

  private final TrainingProgram program;
  private final NetworkSpec network;
  private final Runnable onClose;
  private final Context context;
  private final Map<Buffer.Kind, DeviceMemory> memories;
  private final DeviceMemory kept;
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

  /** What the device does not compute: losses of outputs of other shapes than the logits'. */
  private final Map<String, SoftmaxLoss> hostLosses = new HashMap<>();

  private final GradientNorm.Bound norm;
  private final OptimizerProgram.Bound optimizer;
  private final ImageInput images;
  private final @Nullable FloatBuffer inputGradient;
  private final Map<String, FloatBuffer> outputs = new HashMap<>();
  private final Map<String, FloatBuffer> outputGradients = new HashMap<>();
  private boolean transposed;

  /**
   * Allocates and captures.
   *
   * @param context where
   * @param program what to run
   * @param network the whole network
   * @param initial values
   * @param onClose called once, when this is closed; not if this constructor throws
   */
  CudaTrainingPlan(
      Context context,
      TrainingProgram program,
      NetworkSpec network,
      Parameters initial,
      Runnable onClose) {
    super(network, program.options());
    this.onClose = onClose;
    this.context = context;
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
      this.memories =
          PlanMemories.allocate(
              context,
              resources,
              purpose,
              program.activationBytes(),
              program.workspaceBytes(),
              program.keptBytes());
      this.kept = memories.get(Buffer.Kind.PLAN);
      this.arrays = new DeviceParameters(kept);
      HostBuffers host = program.host();
      resources.own(host, host::close);
      host.allocate(context, purpose);
      Binding binding = new Binding(memories, false);
      Binding adding = new Binding(memories, true);
      if (program.warmsUp()) {
        warmUp(binding, adding);
        memories.get(Buffer.Kind.PLAN).fill(0);
      }
      if (program.guards() != null) {
        program.guards().fill(memories);
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
      for (String name : options.outputs()) {
        if (loss == null || !loss.isOf(name)) {
          hostLosses.put(name, new SoftmaxLoss(outputShape(name), options.layout()));
        }
      }
      program
          .outputGradients()
          .forEach((name, buffer) -> outputGradients.put(name, HostBuffers.floats(buffer)));
      writeParameters(initial);
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
  protected FloatBuffer inputBuffer() {
    return images.floats();
  }

  @Override
  protected ByteBuffer pixelBuffer() {
    return images.pixels();
  }

  @Override
  protected void runForward() {
    forward.run();
  }

  @Override
  protected void runEvaluation() {
    evaluation.run();
  }

  @Override
  protected double time(String operation, Runnable coolCaches) {
    return stopwatch.seconds(operation);
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
    if (loss != null && loss.isOf(output)) {
      return loss.againstLabels(output, labels, smoothing, weight, counted);
    }
    return hostLosses
        .get(output)
        .againstLabels(
            outputs.get(output), labels, smoothing, weight, counted, outputGradients.get(output));
  }

  @Override
  protected double lossOfTargets(FloatBuffer targets) {
    if (loss != null && loss.isOf(LOGITS)) {
      return loss.againstTargets(LOGITS, targets);
    }
    return hostLosses
        .get(LOGITS)
        .againstTargets(outputs.get(LOGITS), targets, outputGradients.get(LOGITS));
  }

  @Override
  protected void runBackward(boolean accumulate) {
    if (!transposed) {
      transposing.start();
      transposed = true;
    }
    (accumulate ? accumulation : backward).run();
  }

  @Override
  protected FloatBuffer inputGradientBuffer() {
    return inputGradient;
  }

  @Override
  protected double normOfGradients() {
    return norm.compute();
  }

  /**
   * {@inheritDoc}
   *
   * <p>Returns before the device is done; what is called next waits where it must.
   */
  @Override
  protected void runOptimizer(int step, double learningRate, double gradientScale) {
    optimizer.step(step, learningRate, gradientScale);
    transposed = false;
  }

  @Override
  protected void readValue(ParameterSpec parameter, HostTensor target) {
    read(parameter, space.masters(), target);
  }

  @Override
  protected void writeValue(ParameterSpec parameter, HostTensor source) {
    write(parameter, source, space.masters());
  }

  @Override
  protected void valuesWritten() {
    storing.run();
    transposed = false;
  }

  @Override
  protected void readGradient(ParameterSpec parameter, HostTensor target) {
    read(parameter, space.gradients(), target);
  }

  @Override
  protected void writeGradient(ParameterSpec parameter, HostTensor source) {
    write(parameter, source, space.gradients());
  }

  @Override
  protected GradientExchange exchange(
      List<? extends List<? extends AbstractTrainingPlan>> devices) {
    return new PeerExchange(
        devices.stream()
            .map(plans -> plans.stream().map(plan -> ((CudaTrainingPlan) plan).shard()).toList())
            .toList());
  }

  private PeerExchange.Shard shard() {
    return new PeerExchange.Shard(context, stream, kept, space, program.adding().get());
  }

  @Override
  protected void readState(ParameterSpec parameter, int index, HostTensor target) {
    read(parameter, space.states().get(index), target);
  }

  @Override
  protected void writeState(ParameterSpec parameter, int index, HostTensor source) {
    write(parameter, source, space.states().get(index));
  }

  private void read(ParameterSpec parameter, Buffer array, HostTensor target) {
    waitForOptimizer();
    arrays.read(space.get(parameter), array, target);
  }

  private void write(ParameterSpec parameter, HostTensor source, Buffer array) {
    waitForOptimizer();
    arrays.write(space.get(parameter), source, array);
  }

  private void waitForOptimizer() {
    stream.synchronize("waiting for the optimizer");
  }

  @Override
  public PlanMemory memory() {
    return program.memory();
  }

  @Override
  protected void release() {
    try (resources) {
      if (program.guards() != null && !context.isBroken()) {
        stream.synchronize("training " + network.name());
        program.guards().check("training " + network.name(), memories);
      }
    } finally {
      onClose.run();
    }
  }
}
