package io.resfuse.engine.cuda;

import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.PlanMemory;
import io.resfuse.engine.TrainingOptions;
import io.resfuse.engine.Value;
import io.resfuse.engine.cuda.internal.backend.Backend;
import io.resfuse.engine.cuda.internal.backend.TrainingConvolutions;
import io.resfuse.engine.cuda.internal.backend.TrainingState;
import io.resfuse.engine.cuda.internal.driver.DeviceMemory;
import io.resfuse.engine.cuda.internal.driver.Kernel;
import io.resfuse.engine.cuda.internal.emit.Conversions;
import io.resfuse.engine.cuda.internal.emit.Emission;
import io.resfuse.engine.cuda.internal.emit.GradientNorm;
import io.resfuse.engine.cuda.internal.emit.HostTransfers;
import io.resfuse.engine.cuda.internal.emit.ImageInput;
import io.resfuse.engine.cuda.internal.emit.LossProgram;
import io.resfuse.engine.cuda.internal.emit.OptimizerProgram;
import io.resfuse.engine.cuda.internal.emit.Toolkit;
import io.resfuse.engine.cuda.internal.kernels.ElementType;
import io.resfuse.engine.cuda.internal.kernels.SumSlices;
import io.resfuse.engine.cuda.internal.layout.Layouts;
import io.resfuse.engine.cuda.internal.layout.ParameterSpace;
import io.resfuse.engine.cuda.internal.layout.Shapes;
import io.resfuse.engine.cuda.internal.program.Buffer;
import io.resfuse.engine.cuda.internal.program.Guards;
import io.resfuse.engine.cuda.internal.program.HostBuffer;
import io.resfuse.engine.cuda.internal.program.HostBuffers;
import io.resfuse.engine.cuda.internal.program.Program;
import io.resfuse.engine.cuda.internal.program.Region;
import io.resfuse.engine.cuda.internal.program.Timeline;
import io.resfuse.engine.spi.GradientFlow;
import io.resfuse.tensor.Shape;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * What a training plan does, and what memory it needs; nothing is allocated. Forward and backward
 * have one timeline, evaluation one of its own in the same memory.
 */
final class TrainingProgram implements AutoCloseable {
  private static final String LOGITS = "logits";

  private final TrainingOptions options;
  private final Shapes shapes;
  private final ElementType type;
  private final Emission emission;
  private final Region region;
  private final Timeline timeline;
  private final Timeline evaluationTimeline;
  private final Program forward;
  private final Program backward;
  private final Program evaluation;
  private final Program storing = new Program(new Timeline());
  private final Program transposing = new Program(new Timeline());
  private final ParameterSpace parameters;
  private final HostBuffers host = new HostBuffers();
  private final ImageInput input;
  private final @Nullable HostBuffer inputGradient;
  private final Map<String, HostBuffer> outputs = new LinkedHashMap<>();
  private final Map<String, HostBuffer> outputGradients = new LinkedHashMap<>();
  private final Map<String, Buffer> judged = new LinkedHashMap<>();
  private final @Nullable LossProgram loss;
  private final GradientNorm norm;
  private final OptimizerProgram optimizer;
  private final PlanMemory memory;
  private final TrainingState state;
  private final TrainingConvolutions convolutions;
  private final boolean warmsUp;
  private final @Nullable Guards guards;

  /**
   * Builds it.
   *
   * @param backend runs the convolutions and batch norms
   */
  TrainingProgram(Toolkit toolkit, NetworkSpec whole, TrainingOptions options, Backend backend) {
    this.options = options;
    this.region = new Region(Buffer.Kind.PLAN, toolkit.guarded());
    this.timeline = new Timeline(toolkit.guarded());
    this.evaluationTimeline = new Timeline(toolkit.guarded());
    this.forward = new Program(timeline);
    this.backward = new Program(timeline);
    this.evaluation = new Program(evaluationTimeline);
    this.warmsUp = backend.warmsUp();
    this.type = ElementType.of(options.precision());
    this.shapes = Shapes.of(whole, options.request());
    this.emission = new Emission(toolkit, type, region);
    Layouts layouts = backend.layouts(whole, type, !options.inputGradient());
    NetworkSpec network = shapes.network();
    GradientFlow flow = new GradientFlow(network, options);
    this.parameters = new ParameterSpace(whole, flow, layouts, options.optimizer(), type, region);
    this.state = new TrainingState(emission, shapes, layouts, flow, parameters);
    this.input =
        new ImageInput(host, shapes.of(network.input()), options.layout(), options.scaling());
    this.inputGradient =
        options.inputGradient() ? host.add(shapes.of(network.input()).hostBytes()) : null;
    network
        .outputs()
        .forEach(
            (name, value) -> {
              outputs.put(name, host.add(shapes.of(value).hostBytes()));
              outputGradients.put(name, host.add(shapes.of(value).hostBytes()));
            });
    this.convolutions = backend.training(state);
    boolean done = false;
    try {
      build(layouts);
      done = true;
    } finally {
      if (!done) {
        close();
      }
    }
    this.loss = createLoss();
    this.norm = new GradientNorm(emission, parameters, host);
    this.optimizer = new OptimizerProgram(emission, parameters, options.optimizer());
    Timeline.plan(timeline, evaluationTimeline);
    this.guards = toolkit.guarded() ? new Guards(region, timeline, evaluationTimeline) : null;
    this.memory =
        new PlanMemory(
            region.bytes(),
            activationBytes(),
            timeline.unsharedBytes(),
            workspaceBytes(),
            host.bytes());
  }

  private void build(Layouts layouts) {
    ForwardBuilder evaluating =
        new ForwardBuilder(
            emission,
            shapes,
            layouts,
            new TrainingWeightSource(state),
            convolutions.inference(),
            evaluation);
    Map<Value, Buffer> places = new HashMap<>();
    judged()
        .forEach(
            name -> {
              // The loss may be asked for at any time after a forward pass.
              Value value = shapes.network().output(name);
              Buffer buffer = places.computeIfAbsent(value, one -> region.add(state.bytes(one)));
              judged.put(name, buffer);
              state.place(value, buffer);
              evaluating.place(value, buffer);
            });
    new TrainingForward(state, convolutions, forward).build(options.layout(), input, outputs);
    new TrainingBackward(state, convolutions, backward)
        .build(options.layout(), outputGradients, inputGradient);
    evaluating.build(new HostTransfers(emission, options.layout()), input, outputs);
    Conversions conversions = new Conversions(emission);
    if (parameters.hasStoredCopy() && parameters.trainableElements() > 0) {
      conversions.cast(
          storing,
          "weights as stored",
          parameters.masters(),
          parameters.stored(),
          parameters.trainableElements());
    }
    state
        .allTransposed()
        .forEach(
            (operation, transposed) ->
                conversions.transposeWeights(
                    transposing,
                    operation.name(),
                    layouts.of(operation),
                    new TrainingWeightSource(state).weights(operation),
                    transposed));
  }

  /**
   * The outputs whose losses the device computes: the logits, and others of their shape, as those
   * of auxiliary heads.
   */
  private List<String> judged() {
    Value logits = shapes.network().outputs().get(LOGITS);
    if (logits == null || !logits(logits).isOnDevice()) {
      return List.of();
    }
    Shape shape = shapes.shape(logits);
    return shapes.network().outputs().entrySet().stream()
        .filter(output -> shapes.shape(output.getValue()).equals(shape))
        .filter(output -> shapes.producer(output.getValue()) != null)
        .map(Map.Entry::getKey)
        .toList();
  }

  private LossProgram.Logits logits(Value value) {
    return new LossProgram.Logits(shapes.of(value), value.isFlat(), options.layout());
  }

  private @Nullable LossProgram createLoss() {
    return judged.isEmpty()
        ? null
        : new LossProgram(
            emission, logits(shapes.network().output(LOGITS)), judged, outputGradients, host);
  }

  /** Whether it must run once before it can be recorded. */
  boolean warmsUp() {
    return warmsUp;
  }

  /** What lies between buffers; null if nothing does. */
  @Nullable Guards guards() {
    return guards;
  }

  /** Writes what neither the host nor a step writes. */
  void writeConstants(DeviceMemory plan) {
    state.writeConstants(plan);
  }

  TrainingOptions options() {
    return options;
  }

  Shapes shapes() {
    return shapes;
  }

  ElementType type() {
    return type;
  }

  ParameterSpace parameters() {
    return parameters;
  }

  Program forward() {
    return forward;
  }

  Program backward() {
    return backward;
  }

  Program evaluation() {
    return evaluation;
  }

  /** Rounds the masters to what products read; after the masters were written by the host. */
  Program storing() {
    return storing;
  }

  /** Transposes weights for the gradients of inputs; after weights have changed. */
  Program transposing() {
    return transposing;
  }

  HostBuffers host() {
    return host;
  }

  ImageInput input() {
    return input;
  }

  @Nullable HostBuffer inputGradient() {
    return inputGradient;
  }

  Map<String, HostBuffer> outputs() {
    return outputs;
  }

  Map<String, HostBuffer> outputGradients() {
    return outputGradients;
  }

  /** The loss of the logits and of outputs of their shape; null if the logits are no output. */
  @Nullable LossProgram loss() {
    return loss;
  }

  GradientNorm norm() {
    return norm;
  }

  /** Adds one array of floats to another; loaded when it is asked for. */
  Supplier<Kernel<SumSlices>> adding() {
    return emission.kernel("sumSlices", SumSlices.class);
  }

  OptimizerProgram optimizer() {
    return optimizer;
  }

  long activationBytes() {
    return Math.max(timeline.activationBytes(), evaluationTimeline.activationBytes());
  }

  long workspaceBytes() {
    return Math.max(timeline.workspaceBytes(), evaluationTimeline.workspaceBytes());
  }

  long keptBytes() {
    return region.bytes();
  }

  PlanMemory memory() {
    return memory;
  }

  /** Frees what a backend holds for its convolutions and batch norms. Idempotent. */
  @Override
  public void close() {
    convolutions.close();
  }
}
