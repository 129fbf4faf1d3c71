package io.resfuse.engine.onednn;

import static org.bytedeco.dnnl.global.dnnl.*;

import io.resfuse.engine.ArenaPlanner;
import io.resfuse.engine.EngineException;
import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.Operation;
import io.resfuse.engine.Operation.BatchNorm;
import io.resfuse.engine.Operation.FusedConv;
import io.resfuse.engine.Operation.GlobalAveragePool;
import io.resfuse.engine.Operation.Linear;
import io.resfuse.engine.Operation.MaxPool;
import io.resfuse.engine.Operation.SubsampledIdentity;
import io.resfuse.engine.Operation.Window;
import io.resfuse.engine.ParameterSpec;
import io.resfuse.engine.PlanMemory;
import io.resfuse.engine.TrainingOptions;
import io.resfuse.engine.Value;
import io.resfuse.engine.onednn.Buffer.Region;
import io.resfuse.engine.onednn.TrainingWeights.Entry;
import io.resfuse.tensor.Shape;
import io.resfuse.tensor.TensorLayout;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.bytedeco.dnnl.dnnl_memory_desc;
import org.bytedeco.dnnl.dnnl_primitive_desc;
import org.jspecify.annotations.Nullable;

/**
 * A training plan before anything is allocated: the primitives of the forward pass, of evaluation
 * and of the backward pass, and the lifetime of every buffer. Not thread-safe; its descriptors live
 * in the scope it was given.
 *
 * <p>The convolution's result y is kept for the batch norm's gradient, the operation's result for
 * the next operation's. The gradient of a result is overwritten by what flows back through ReLU and
 * becomes the gradient of the residual without a copy; further contributions to a gradient are
 * computed aside and added.
 *
 * <p>Activations lie in blocks of 16 channels (nChw16c), for which the primitives of the weights'
 * gradients are about a fifth faster than for NHWC; networks with grouped convolutions or ragged
 * channel counts lie in NHWC.
 */
final class TrainingProgram {
  private static final int BLOCK = 16;

  private final Scope scope;
  private final NetworkSpec network;
  private final TrainingOptions options;
  private final int type;
  private final List<Shape> shapes;
  private final TrainingWeights weights;
  private final boolean blocked;
  private final boolean plainInput;
  private final Set<Buffer> buffers = Steps.noBuffers();
  private final Steps packing = new Steps(buffers);
  private final Steps forward = new Steps(buffers);
  private final Steps evaluation = new Steps(buffers);
  private final Steps backward = new Steps(buffers);
  private final Steps accumulation = new Steps(buffers);
  private final Map<Integer, Buffer> values = new HashMap<>();
  private final Map<Integer, Buffer> gradients = new HashMap<>();
  private final Set<Integer> wanted = new HashSet<>();
  private final Map<Operation, Layer> layers = new LinkedHashMap<>();
  private final Map<Linear, Buffer> linearWeights = new HashMap<>();
  private final Map<String, Buffer> hostOutputs = new LinkedHashMap<>();
  private final Map<String, Buffer> hostGradients = new LinkedHashMap<>();
  private final List<Statistics> statistics = new ArrayList<>();
  private final Buffer hostInput;
  private final @Nullable Buffer hostInputGradient;
  private final ArenaPlanner planner = new ArenaPlanner();
  private final long arenaBytes;
  private long hostBytes;

  /** What the backward pass of an operation needs of its forward pass. */
  private static final class Layer {
    private final dnnl_primitive_desc forward;
    private @Nullable Buffer y;
    private @Nullable Buffer workspace;
    private @Nullable dnnl_primitive_desc norm;
    private @Nullable Statistics statistics;
    private int flags;

    Layer(dnnl_primitive_desc forward) {
      this.forward = forward;
    }
  }

  /** A batch norm's statistics of the batch, and the running ones. */
  static final class Statistics {
    private final BatchNorm norm;
    private final int channels;
    private final long count;
    private final Buffer mean;
    private final Buffer variance;
    private final Buffer runningMean;
    private final Buffer runningVariance;

    private Statistics(
        BatchNorm norm,
        int channels,
        long count,
        Buffer mean,
        Buffer variance,
        Buffer runningMean,
        Buffer runningVariance) {
      this.norm = norm;
      this.channels = channels;
      this.count = count;
      this.mean = mean;
      this.variance = variance;
      this.runningMean = runningMean;
      this.runningVariance = runningVariance;
    }

    BatchNorm norm() {
      return norm;
    }

    int channels() {
      return channels;
    }

    /** How many values each statistic is of. */
    long count() {
      return count;
    }

    Buffer mean() {
      return mean;
    }

    /** Biased. */
    Buffer variance() {
      return variance;
    }

    Buffer runningMean() {
      return runningMean;
    }

    Buffer runningVariance() {
      return runningVariance;
    }
  }

  TrainingProgram(Scope scope, NetworkSpec whole, TrainingOptions options, int type) {
    this.scope = scope;
    this.options = options;
    this.type = type;
    this.network = whole.restrictedTo(options.outputs());
    this.shapes = network.shapes(options.batch(), options.height(), options.width());
    this.weights = new TrainingWeights(whole, options);
    this.blocked = canBeBlocked();
    this.plainInput = blocked && network.input().channels() % BLOCK != 0;
    this.hostInput = hostBuffer(network.input());
    this.hostInputGradient = options.inputGradient() ? hostBuffer(network.input()) : null;
    for (String name : options.outputs()) {
      hostOutputs.put(name, hostBuffer(network.output(name)));
      hostGradients.put(name, hostBuffer(network.output(name)));
    }
    findWanted();
    load();
    List<Operation> operations = network.operations();
    for (int i = 0; i < operations.size(); i++) {
      forward(operations.get(i), i + 1);
    }
    int turn = operations.size() + 1;
    for (String name : options.outputs()) {
      store(name, turn);
      loadGradient(name, turn);
    }
    for (int i = operations.size() - 1; i >= 0; i--) {
      if (wanted.contains(operations.get(i).output().id())) {
        backward(operations.get(i), 2 * turn - i);
      }
    }
    storeInputGradient(2 * turn + 1);
    for (ParameterSpec spec : whole.parameters().values()) {
      if (!weights.contains(spec)) {
        dnnl_memory_desc plain = plain(spec);
        weights.add(spec, plain, plain, false);
      }
    }
    buffers.forEach(buffer -> buffer.place(planner));
    this.arenaBytes = planner.plan();
  }

  // What others need.

  TrainingWeights weights() {
    return weights;
  }

  List<Statistics> statistics() {
    return statistics;
  }

  Steps packing() {
    return packing;
  }

  Steps forward() {
    return forward;
  }

  Steps evaluation() {
    return evaluation;
  }

  Steps backward() {
    return backward;
  }

  Steps accumulation() {
    return accumulation;
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

  Shape shape(String output) {
    return shapes.get(network.output(output).id());
  }

  PlanMemory memory() {
    long scratch = 0;
    for (Steps steps : List.of(packing, forward, evaluation, backward, accumulation)) {
      scratch = Math.max(scratch, steps.scratchBytes());
    }
    return new PlanMemory(weights.bytes(), arenaBytes, planner.unshared(), scratch, hostBytes);
  }

  // Layouts.

  private boolean canBeBlocked() {
    for (Operation operation : network.operations()) {
      Value out = operation.output();
      if (!out.isFlat() && out.channels() % BLOCK != 0) {
        return false;
      }
      if (operation instanceof FusedConv conv) {
        boolean readsImage = conv.input().equals(network.input());
        if (conv.groups() != 1 || network.input().equals(conv.residual())) {
          return false;
        }
        if (readsImage && out.channels() % BLOCK != 0) {
          return false;
        }
      } else if (operation.inputs().contains(network.input())
          && network.input().channels() % BLOCK != 0) {
        return false;
      }
    }
    return true;
  }

  private int typeOf(Value value) {
    boolean logits =
        network.operations().stream()
            .anyMatch(o -> o instanceof Linear && o.output().equals(value));
    return logits ? Dnnl.F32 : type;
  }

  private dnnl_memory_desc desc(Value value) {
    return desc(value, typeOf(value));
  }

  private dnnl_memory_desc desc(Value value, int elementType) {
    if (value.isFlat()) {
      return Dnnl.matrix(scope, elementType, options.batch(), value.channels());
    }
    long[] dims = Descs.dims(shapes.get(value.id()));
    if (plainInput && value.equals(network.input())) {
      return Dnnl.nchw(scope, elementType, dims);
    }
    return image(elementType, dims);
  }

  private dnnl_memory_desc image(int elementType, long... dims) {
    return blocked
        ? Dnnl.desc(scope, elementType, dnnl_nChw16c, dims)
        : Dnnl.nhwc(scope, elementType, dims);
  }

  private dnnl_memory_desc hostDesc(Value value) {
    if (value.isFlat()) {
      return Dnnl.matrix(scope, Dnnl.F32, options.batch(), value.channels());
    }
    long[] dims = Descs.dims(shapes.get(value.id()));
    return options.layout() == TensorLayout.NHWC
        ? Dnnl.nhwc(scope, Dnnl.F32, dims)
        : Dnnl.nchw(scope, Dnnl.F32, dims);
  }

  private dnnl_memory_desc plain(ParameterSpec spec) {
    return switch (spec.role()) {
      case CONV_WEIGHT -> Dnnl.plainWeights(scope, 1, Descs.dims(spec.shape()));
      case LINEAR_WEIGHT ->
          Dnnl.matrix(scope, Dnnl.F32, spec.shape().dimension(0), spec.shape().dimension(1));
      default -> Dnnl.vector(scope, spec.shape().elements());
    };
  }

  // Buffers.

  private Buffer hostBuffer(Value value) {
    long bytes = shapes.get(value.id()).elements() * Float.BYTES;
    Buffer buffer = Buffer.at(Region.HOST, hostBytes, bytes);
    hostBytes += (bytes + 63) / 64 * 64;
    return buffer;
  }

  private Buffer arena(dnnl_memory_desc layout) {
    return Buffer.inArena(Dnnl.bytes(layout));
  }

  private Buffer valueOf(Value value) {
    return values.computeIfAbsent(value.id(), id -> arena(desc(value)));
  }

  /** A value has a gradient if a parameter or image that wants one leads to it. */
  private void findWanted() {
    if (options.inputGradient()) {
      wanted.add(network.input().id());
    }
    for (Operation operation : network.operations()) {
      boolean any =
          operation.parameters().stream()
              .anyMatch(p -> p.isTrainable() && !options.frozen().contains(p.name()));
      for (Value in : operation.inputs()) {
        any |= wanted.contains(in.id());
      }
      if (any) {
        wanted.add(operation.output().id());
      }
    }
  }

  private boolean isWanted(Value value) {
    return wanted.contains(value.id());
  }

  // Between the caller's buffers and the plan's.

  private void load() {
    Value input = network.input();
    dnnl_memory_desc from = hostDesc(input);
    dnnl_memory_desc to = desc(input);
    if (Dnnl.equal(from, to)) {
      values.put(input.id(), hostInput);
      return;
    }
    for (Steps steps : List.of(forward, evaluation)) {
      copy(steps, "loading the input", from, hostInput, to, valueOf(input), 0);
    }
  }

  private void store(String name, int time) {
    Value output = network.output(name);
    Buffer host = hostOutputs.get(name);
    for (Steps steps : List.of(forward, evaluation)) {
      copy(steps, "storing " + name, desc(output), valueOf(output), hostDesc(output), host, time);
    }
  }

  private void loadGradient(String name, int time) {
    Value output = network.output(name);
    if (isWanted(output)) {
      // Flat gradients have the type of what the matrix products read.
      dnnl_memory_desc to = desc(output, type);
      Buffer target = arena(to);
      Buffer host = hostGradients.get(name);
      for (Steps steps : List.of(backward, accumulation)) {
        copy(steps, "loading the gradient of " + name, hostDesc(output), host, to, target, time);
      }
      contribute(output, target, time);
    }
  }

  private void storeInputGradient(int time) {
    Buffer host = hostInputGradient;
    if (host != null) {
      Value input = network.input();
      Buffer gradient = gradients.get(input.id());
      if (gradient == null) {
        return;
      }
      for (Steps steps : List.of(backward, accumulation)) {
        copy(
            steps,
            "storing the input's gradient",
            desc(input),
            gradient,
            hostDesc(input),
            host,
            time);
      }
    }
  }

  private void copy(
      Steps steps,
      String name,
      dnnl_memory_desc from,
      Buffer source,
      dnnl_memory_desc to,
      Buffer target,
      int time) {
    steps
        .add(name, Dnnl.reorder(scope, from, to), time)
        .with(DNNL_ARG_FROM, from, source)
        .with(DNNL_ARG_TO, to, target);
  }

  /**
   * Adds a tensor to the gradient of a value. The first becomes the gradient itself; the caller
   * must not use it otherwise afterwards.
   */
  private void contribute(Value value, Buffer contribution, int time) {
    Buffer present = gradients.putIfAbsent(value.id(), contribution);
    if (present != null) {
      dnnl_memory_desc layout = desc(value, type);
      dnnl_primitive_desc sum = Dnnl.add(scope, layout, layout, layout, false);
      for (Steps steps : List.of(backward, accumulation)) {
        steps
            .add("adding gradients of " + value.name(), sum, time)
            .with(DNNL_ARG_SRC_0, layout, present)
            .with(DNNL_ARG_SRC_1, layout, contribution)
            .with(DNNL_ARG_DST, layout, present);
      }
    }
  }

  // Parameters.

  private Entry parameter(ParameterSpec spec) {
    dnnl_memory_desc plain = plain(spec);
    return weights.add(spec, plain, plain, true);
  }

  /** Weights in another layout or type: the master itself if that is equal, else a copy. */
  private Buffer packed(Entry entry, dnnl_memory_desc layout) {
    if (Dnnl.equal(entry.layout(), layout)) {
      return entry.master();
    }
    Buffer copy = weights.allocate(Dnnl.bytes(layout));
    copy(
        packing, "packing " + entry.spec().name(), entry.layout(), entry.master(), layout, copy, 0);
    return copy;
  }

  /**
   * A step that writes gradients of parameters: in the backward pass in place, when accumulating
   * aside, to be added.
   */
  private final class GradientStep {
    private final List<Steps.Step> both;
    private final int time;
    private final List<Runnable> additions = new ArrayList<>();

    GradientStep(String name, dnnl_primitive_desc desc, int time) {
      this.both = List.of(backward.add(name, desc, time), accumulation.add(name, desc, time));
      this.time = time;
    }

    GradientStep with(int index, dnnl_memory_desc layout, Buffer buffer) {
      both.forEach(step -> step.with(index, layout, buffer));
      return this;
    }

    /** An argument that is the gradient of a parameter; if it has none, the result is dropped. */
    GradientStep gradient(int index, Entry entry, dnnl_memory_desc layout) {
      Buffer target = entry.gradient();
      if (target == null) {
        return with(index, layout, arena(layout));
      }
      both.get(0).with(index, layout, target);
      Buffer aside = arena(layout);
      both.get(1).with(index, layout, aside);
      additions.add(
          () -> {
            dnnl_memory_desc flat = Dnnl.vector(scope, target.bytes() / Float.BYTES);
            accumulation
                .add(
                    "accumulating " + entry.spec().name(),
                    Dnnl.add(scope, flat, flat, flat, false),
                    time)
                .with(DNNL_ARG_SRC_0, flat, target)
                .with(DNNL_ARG_SRC_1, flat, aside)
                .with(DNNL_ARG_DST, flat, target);
          });
      return this;
    }

    GradientStep onZeros() {
      both.forEach(Steps.Step::onZeros);
      return this;
    }

    void end() {
      additions.forEach(Runnable::run);
    }
  }

  // Forward.

  private void forward(Operation operation, int time) {
    if (operation instanceof FusedConv conv) {
      forward(conv, time);
    } else if (operation instanceof MaxPool pool) {
      Window window = pool.window();
      pool(
          pool,
          dnnl_pooling_max,
          Descs.pair(window.stride()),
          Descs.kernel(window),
          window.padding(),
          desc(pool.output()),
          time);
    } else if (operation instanceof GlobalAveragePool pool) {
      long[] whole = Descs.whole(shapes.get(pool.input().id()));
      pool(pool, dnnl_pooling_avg_exclude_padding, whole, whole, 0, pooled(pool.output()), time);
    } else if (operation instanceof SubsampledIdentity identity) {
      forward(identity, time);
    } else if (operation instanceof Linear linear) {
      forward(linear, time);
    } else {
      throw new EngineException("onednn: no implementation of " + operation.getClass());
    }
  }

  /** A flat value as an image of one pixel. */
  private dnnl_memory_desc pooled(Value flat) {
    return image(type, options.batch(), flat.channels(), 1, 1);
  }

  private void forward(FusedConv conv, int time) {
    dnnl_memory_desc target = desc(conv.output());
    dnnl_memory_desc bias = bias(conv);
    dnnl_primitive_desc desc = convolution(conv, type);
    Entry weight = convolutionWeights(conv, desc);
    Layer layer = new Layer(desc);
    layers.put(conv, layer);
    Buffer out = valueOf(conv.output());
    Buffer y = conv.batchNorm() == null ? out : arena(target);
    layer.y = y;
    Buffer packed = packed(weight, Dnnl.weightsOf(desc));
    Entry biasEntry = conv.bias() == null ? null : parameter(conv.bias());
    for (Steps steps : List.of(forward, evaluation)) {
      Steps.Step step =
          steps
              .add(conv.name(), desc, time)
              .with(DNNL_ARG_SRC, desc(conv.input()), valueOf(conv.input()))
              .with(DNNL_ARG_WEIGHTS, Dnnl.weightsOf(desc), packed)
              .with(DNNL_ARG_DST, target, y);
      if (bias != null && biasEntry != null) {
        step.with(DNNL_ARG_BIAS, bias, biasEntry.master());
      }
    }
    if (conv.batchNorm() != null) {
      normalise(conv, conv.batchNorm(), layer, target, y, out, time);
    }
    Value residual = conv.residual();
    if (residual != null) {
      dnnl_primitive_desc sum = Dnnl.add(scope, target, target, target, conv.relu());
      for (Steps steps : List.of(forward, evaluation)) {
        steps
            .add(conv.name() + " + residual", sum, time)
            .with(DNNL_ARG_SRC_0, target, out)
            .with(DNNL_ARG_SRC_1, target, valueOf(residual))
            .with(DNNL_ARG_DST, target, out);
      }
    } else if (conv.relu() && conv.batchNorm() == null) {
      dnnl_primitive_desc relu = Dnnl.relu(scope, dnnl_forward_training, target);
      for (Steps steps : List.of(forward, evaluation)) {
        steps
            .add(conv.name() + " ReLU", relu, time)
            .with(DNNL_ARG_SRC, target, out)
            .with(DNNL_ARG_DST, target, out);
      }
    }
  }

  private dnnl_primitive_desc convolution(FusedConv conv, int elementType) {
    return Dnnl.convolution(
        scope,
        dnnl_forward_training,
        desc(conv.input(), elementType),
        anyWeights(conv, elementType),
        bias(conv),
        desc(conv.output(), elementType),
        conv.window(),
        Dnnl.attributes(scope));
  }

  private @Nullable dnnl_memory_desc bias(FusedConv conv) {
    return conv.bias() == null ? null : Dnnl.vector(scope, conv.output().channels());
  }

  private dnnl_memory_desc anyWeights(FusedConv conv, int elementType) {
    return Dnnl.anyWeights(scope, elementType, conv.groups(), Descs.dims(conv.weight().shape()));
  }

  /** The master's layout is that in which the weights' gradient comes. */
  private Entry convolutionWeights(FusedConv conv, dnnl_primitive_desc desc) {
    dnnl_memory_desc plain =
        Dnnl.plainWeights(scope, conv.groups(), Descs.dims(conv.weight().shape()));
    dnnl_memory_desc layout = plain;
    if (!options.frozen().contains(conv.weight().name())) {
      layout = Dnnl.weightGradientOf(weightGradient(conv, desc).desc);
    }
    return weights.add(conv.weight(), plain, layout, true);
  }

  /** How the gradient of a convolution's weights is found, and in which type. */
  private static final class WeightGradient {
    private final dnnl_primitive_desc desc;
    private final int type;

    WeightGradient(dnnl_primitive_desc desc, int type) {
      this.desc = desc;
      this.type = type;
    }
  }

  /**
   * In the program's type, unless oneDNN has but its reference loops for it: those take a hundred
   * times as long as float32 does, conversions included. So it is for bf16 pictures of one channel.
   */
  private WeightGradient weightGradient(FusedConv conv, dnnl_primitive_desc forwardDesc) {
    dnnl_primitive_desc desc = weightGradient(conv, forwardDesc, type);
    return type != Dnnl.F32 && Dnnl.isReference(desc)
        ? new WeightGradient(weightGradient(conv, convolution(conv, Dnnl.F32), Dnnl.F32), Dnnl.F32)
        : new WeightGradient(desc, type);
  }

  private dnnl_primitive_desc weightGradient(
      FusedConv conv, dnnl_primitive_desc forwardDesc, int elementType) {
    return Dnnl.convolutionBackwardWeights(
        scope,
        desc(conv.input(), elementType),
        anyWeights(conv, Dnnl.F32),
        bias(conv),
        desc(conv.output(), elementType),
        conv.window(),
        forwardDesc);
  }

  private void normalise(
      FusedConv conv,
      BatchNorm norm,
      Layer layer,
      dnnl_memory_desc target,
      Buffer y,
      Buffer out,
      int time) {
    int channels = conv.output().channels();
    boolean frozen = options.isFrozen(norm);
    boolean relu = conv.relu() && conv.residual() == null;
    int affine = dnnl_use_scale | dnnl_use_shift;
    int fused = affine | (relu ? dnnl_fuse_norm_relu : 0);
    layer.flags = fused | (frozen ? dnnl_use_global_stats : 0);
    dnnl_memory_desc vector = Dnnl.vector(scope, channels);
    Entry gamma = parameter(norm.gamma());
    Entry beta = parameter(norm.beta());
    Entry mean = parameter(norm.mean());
    Entry variance = parameter(norm.variance());
    Shape shape = shapes.get(conv.output().id());
    Statistics stats =
        new Statistics(
            norm,
            channels,
            shape.elements() / channels,
            frozen ? mean.master() : weights.allocate(Dnnl.bytes(vector)),
            frozen ? variance.master() : weights.allocate(Dnnl.bytes(vector)),
            mean.master(),
            variance.master());
    layer.statistics = stats;
    if (!frozen) {
      statistics.add(stats);
    }
    dnnl_primitive_desc training =
        Dnnl.batchNorm(scope, dnnl_forward_training, target, target, norm.epsilon(), layer.flags);
    layer.norm = training;
    Steps.Step step =
        forward
            .add(norm.gamma().name(), training, time)
            .with(DNNL_ARG_SRC, target, y)
            .with(DNNL_ARG_DST, target, out)
            .with(DNNL_ARG_MEAN, vector, stats.mean)
            .with(DNNL_ARG_VARIANCE, vector, stats.variance)
            .with(DNNL_ARG_SCALE, vector, gamma.master())
            .with(DNNL_ARG_SHIFT, vector, beta.master());
    if (relu) {
      dnnl_memory_desc workspace = Dnnl.workspaceOf(training);
      Buffer mask = arena(workspace);
      layer.workspace = mask;
      step.with(DNNL_ARG_WORKSPACE, workspace, mask);
    }
    evaluation
        .add(
            norm.gamma().name(),
            Dnnl.batchNorm(
                scope,
                dnnl_forward_inference,
                target,
                target,
                norm.epsilon(),
                fused | dnnl_use_global_stats),
            time)
        .with(DNNL_ARG_SRC, target, y)
        .with(DNNL_ARG_DST, target, out)
        .with(DNNL_ARG_MEAN, vector, mean.master())
        .with(DNNL_ARG_VARIANCE, vector, variance.master())
        .with(DNNL_ARG_SCALE, vector, gamma.master())
        .with(DNNL_ARG_SHIFT, vector, beta.master());
  }

  private void pool(
      Operation pool,
      int algorithm,
      long[] strides,
      long[] kernel,
      long padding,
      dnnl_memory_desc target,
      int time) {
    Value in = pool.inputs().get(0);
    dnnl_primitive_desc desc =
        Dnnl.pooling(
            scope, dnnl_forward_training, algorithm, desc(in), target, strides, kernel, padding);
    Layer layer = new Layer(desc);
    layers.put(pool, layer);
    dnnl_memory_desc workspace = Dnnl.workspaceOf(desc);
    if (Dnnl.bytes(workspace) > 0) {
      layer.workspace = arena(workspace);
    }
    for (Steps steps : List.of(forward, evaluation)) {
      Steps.Step step =
          steps
              .add(pool.name(), desc, time)
              .with(DNNL_ARG_SRC, desc(in), valueOf(in))
              .with(DNNL_ARG_DST, target, valueOf(pool.output()));
      if (layer.workspace != null) {
        step.with(DNNL_ARG_WORKSPACE, workspace, layer.workspace);
      }
    }
  }

  private void forward(SubsampledIdentity identity, int time) {
    dnnl_primitive_desc desc =
        Dnnl.convolution(
            scope,
            dnnl_forward_training,
            desc(identity.input()),
            Dnnl.anyWeights(scope, type, 1, Descs.selectionDims(identity)),
            null,
            desc(identity.output()),
            Descs.selectionWindow(identity),
            Dnnl.attributes(scope));
    layers.put(identity, new Layer(desc));
    Buffer selection = selection(identity, Dnnl.weightsOf(desc));
    for (Steps steps : List.of(forward, evaluation)) {
      steps
          .add(identity.name(), desc, time)
          .with(DNNL_ARG_SRC, desc(identity.input()), valueOf(identity.input()))
          .with(DNNL_ARG_WEIGHTS, Dnnl.weightsOf(desc), selection)
          .with(DNNL_ARG_DST, desc(identity.output()), valueOf(identity.output()));
    }
  }

  /** The weights of a subsampled identity in a layout, packed with the parameters. */
  private Buffer selection(SubsampledIdentity identity, dnnl_memory_desc layout) {
    long[] dims = Descs.selectionDims(identity);
    dnnl_memory_desc plain = Dnnl.plainWeights(scope, 1, dims);
    Buffer ones =
        weights.constant(Dnnl.bytes(plain), target -> Descs.putSelection(identity, target));
    Buffer copy = weights.allocate(Dnnl.bytes(layout));
    copy(packing, "packing " + identity.name(), plain, ones, layout, copy, 0);
    return copy;
  }

  private void forward(Linear linear, int time) {
    long in = linear.input().channels();
    long out = linear.output().channels();
    Entry weight = parameter(linear.weight());
    Entry bias = parameter(linear.bias());
    Buffer matrix = packed(weight, Dnnl.matrix(scope, type, out, in));
    dnnl_memory_desc transposed =
        Dnnl.strided(scope, type, new long[] {in, out}, new long[] {1, in});
    dnnl_memory_desc row = Dnnl.matrix(scope, Dnnl.F32, 1, out);
    dnnl_primitive_desc desc =
        Dnnl.matmul(scope, desc(linear.input()), transposed, row, desc(linear.output()));
    layers.put(linear, new Layer(desc));
    for (Steps steps : List.of(forward, evaluation)) {
      steps
          .add(linear.name(), desc, time)
          .with(DNNL_ARG_SRC, desc(linear.input()), valueOf(linear.input()))
          .with(DNNL_ARG_WEIGHTS, transposed, matrix)
          .with(DNNL_ARG_BIAS, row, bias.master())
          .with(DNNL_ARG_DST, desc(linear.output()), valueOf(linear.output()));
    }
    linearWeights.put(linear, matrix);
  }

  /** A vector of ones in a layout of any type. */
  private Buffer ones(long length, dnnl_memory_desc layout) {
    Buffer ones =
        weights.constant(
            length * Float.BYTES,
            target -> {
              for (int i = 0; i < length; i++) {
                target.put(i, 1f);
              }
            });
    dnnl_memory_desc plain = Dnnl.matrix(scope, Dnnl.F32, 1, length);
    if (Dnnl.equal(plain, layout)) {
      return ones;
    }
    Buffer copy = weights.allocate(Dnnl.bytes(layout));
    copy(packing, "packing ones", plain, ones, layout, copy, 0);
    return copy;
  }

  // Backward.

  private void backward(Operation operation, int time) {
    Buffer gradient = gradients.get(operation.output().id());
    Layer layer = layers.get(operation);
    if (gradient == null || layer == null) {
      // Nothing that leads to an output reads it.
      return;
    }
    if (operation instanceof FusedConv conv) {
      backward(conv, layer, gradient, time);
    } else if (operation instanceof MaxPool pool) {
      Window window = pool.window();
      poolBackward(
          pool,
          layer,
          dnnl_pooling_max,
          Descs.pair(window.stride()),
          Descs.kernel(window),
          window.padding(),
          desc(pool.output()),
          gradient,
          time);
    } else if (operation instanceof GlobalAveragePool pool) {
      long[] whole = Descs.whole(shapes.get(pool.input().id()));
      poolBackward(
          pool,
          layer,
          dnnl_pooling_avg_exclude_padding,
          whole,
          whole,
          0,
          pooled(pool.output()),
          gradient,
          time);
    } else if (operation instanceof SubsampledIdentity identity) {
      dataGradient(
          identity.name(),
          identity.input(),
          identity.output(),
          Dnnl.anyWeights(scope, type, 1, Descs.selectionDims(identity)),
          Descs.selectionWindow(identity),
          layer,
          gradient,
          layout -> selection(identity, layout),
          time);
    } else if (operation instanceof Linear linear) {
      backward(linear, gradient, time);
    }
  }

  private void backward(FusedConv conv, Layer layer, Buffer gradient, int time) {
    dnnl_memory_desc target = desc(conv.output());
    if (conv.relu() && layer.workspace == null) {
      dnnl_primitive_desc mask =
          Dnnl.reluBackward(scope, target, Dnnl.relu(scope, dnnl_forward_training, target));
      for (Steps steps : List.of(backward, accumulation)) {
        steps
            .add(conv.name() + " ReLU", mask, time)
            .with(DNNL_ARG_DST, target, valueOf(conv.output()))
            .with(DNNL_ARG_DIFF_DST, target, gradient)
            .with(DNNL_ARG_DIFF_SRC, target, gradient);
      }
    }
    Value residual = conv.residual();
    boolean passedOn = residual != null && isWanted(residual);
    Buffer dy = gradient;
    if (conv.batchNorm() != null) {
      dy = passedOn ? arena(target) : gradient;
      normBackward(conv, conv.batchNorm(), layer, target, gradient, dy, time);
    }
    if (!options.frozen().contains(conv.weight().name())
        || (conv.bias() != null && !options.frozen().contains(conv.bias().name()))) {
      weightGradient(conv, layer, dy, time);
    }
    if (isWanted(conv.input())) {
      Entry weight = weights.get(conv.weight());
      dataGradient(
          conv.name(),
          conv.input(),
          conv.output(),
          anyWeights(conv, type),
          conv.window(),
          layer,
          dy,
          layout -> packed(weight, layout),
          time);
    }
    if (passedOn) {
      // Last: from here on the buffer is the residual's gradient.
      contribute(residual, gradient, time);
    }
  }

  private void normBackward(
      FusedConv conv,
      BatchNorm norm,
      Layer layer,
      dnnl_memory_desc target,
      Buffer gradient,
      Buffer dy,
      int time) {
    dnnl_memory_desc vector = Dnnl.vector(scope, conv.output().channels());
    dnnl_primitive_desc forwardDesc = layer.norm;
    Statistics stats = layer.statistics;
    Buffer y = layer.y;
    if (forwardDesc == null || stats == null || y == null) {
      throw new IllegalStateException("no forward pass of " + norm.gamma().name());
    }
    dnnl_primitive_desc desc =
        Dnnl.batchNormBackward(scope, target, target, norm.epsilon(), layer.flags, forwardDesc);
    GradientStep step =
        new GradientStep(norm.gamma().name(), desc, time)
            .with(DNNL_ARG_SRC, target, y)
            .with(DNNL_ARG_MEAN, vector, stats.mean)
            .with(DNNL_ARG_VARIANCE, vector, stats.variance)
            .with(DNNL_ARG_DIFF_DST, target, gradient)
            .with(DNNL_ARG_SCALE, vector, weights.get(norm.gamma()).master())
            .with(DNNL_ARG_DIFF_SRC, target, dy)
            .gradient(DNNL_ARG_DIFF_SCALE, weights.get(norm.gamma()), vector)
            .gradient(DNNL_ARG_DIFF_SHIFT, weights.get(norm.beta()), vector);
    if (layer.workspace != null) {
      step.with(DNNL_ARG_WORKSPACE, Dnnl.workspaceOf(forwardDesc), layer.workspace);
    }
    step.end();
  }

  private void weightGradient(FusedConv conv, Layer layer, Buffer dy, int time) {
    WeightGradient found = weightGradient(conv, layer.forward);
    Buffer input = inType(conv.input(), valueOf(conv.input()), found.type, time);
    Buffer gradient = inType(conv.output(), dy, found.type, time);
    GradientStep step =
        new GradientStep(conv.name() + " weights", found.desc, time)
            .with(DNNL_ARG_SRC, desc(conv.input(), found.type), input)
            .with(DNNL_ARG_DIFF_DST, desc(conv.output(), found.type), gradient)
            .gradient(
                DNNL_ARG_DIFF_WEIGHTS,
                weights.get(conv.weight()),
                Dnnl.weightGradientOf(found.desc));
    if (hasIdleTaps(conv)) {
      // Of these oneDNN's bf16 primitives leave whatever was in memory.
      step.onZeros();
    }
    if (conv.bias() != null) {
      step.gradient(
          DNNL_ARG_DIFF_BIAS,
          weights.get(conv.bias()),
          Dnnl.vector(scope, conv.output().channels()));
    }
    step.end();
  }

  /** A value or its gradient in a type: itself, or a copy for the backward pass. */
  private Buffer inType(Value value, Buffer from, int wanted, int time) {
    if (wanted == type) {
      return from;
    }
    dnnl_memory_desc layout = desc(value, wanted);
    Buffer converted = arena(layout);
    for (Steps steps : List.of(backward, accumulation)) {
      copy(steps, "converting " + value.name(), desc(value), from, layout, converted, time);
    }
    return converted;
  }

  /** Whether the image is so small that parts of the window never meet a pixel. */
  private boolean hasIdleTaps(FusedConv conv) {
    Shape in = shapes.get(conv.input().id());
    Shape out = shapes.get(conv.output().id());
    return hasIdleTaps(conv.window(), in.dimension(2), out.dimension(2))
        || hasIdleTaps(conv.window(), in.dimension(3), out.dimension(3));
  }

  private static boolean hasIdleTaps(Window window, int in, int out) {
    for (int tap = 0; tap < window.kernel(); tap++) {
      boolean meets = false;
      for (int o = 0; o < out; o++) {
        int at = o * window.stride() - window.padding() + tap * window.dilation();
        meets |= at >= 0 && at < in;
      }
      if (!meets) {
        return true;
      }
    }
    return false;
  }

  private interface WeightsInLayout {
    Buffer in(dnnl_memory_desc layout);
  }

  private void dataGradient(
      String name,
      Value in,
      Value out,
      dnnl_memory_desc anyWeights,
      Window window,
      Layer layer,
      Buffer dy,
      WeightsInLayout packedWeights,
      int time) {
    if (!isWanted(in)) {
      return;
    }
    // For images of few channels a plain layout is best forward, but not backward.
    boolean free = plainInput && in.equals(network.input());
    dnnl_memory_desc wish =
        free ? Dnnl.desc(scope, type, Dnnl.ANY, Descs.dims(shapes.get(in.id()))) : desc(in);
    dnnl_primitive_desc desc =
        Dnnl.convolutionBackwardData(scope, wish, anyWeights, desc(out), window, layer.forward);
    dnnl_memory_desc layout = Dnnl.sourceGradientOf(desc);
    Buffer packed = packedWeights.in(Dnnl.weightsOf(desc));
    Buffer dx = arena(layout);
    for (Steps steps : List.of(backward, accumulation)) {
      steps
          .add(name + " data", desc, time)
          .with(DNNL_ARG_WEIGHTS, Dnnl.weightsOf(desc), packed)
          .with(DNNL_ARG_DIFF_DST, desc(out), dy)
          .with(DNNL_ARG_DIFF_SRC, layout, dx);
    }
    if (!Dnnl.equal(layout, desc(in))) {
      Buffer plain = arena(desc(in));
      for (Steps steps : List.of(backward, accumulation)) {
        copy(steps, name + " data", layout, dx, desc(in), plain, time);
      }
      dx = plain;
    }
    contribute(in, dx, time);
  }

  private void poolBackward(
      Operation pool,
      Layer layer,
      int algorithm,
      long[] strides,
      long[] kernel,
      long padding,
      dnnl_memory_desc target,
      Buffer gradient,
      int time) {
    Value in = pool.inputs().get(0);
    dnnl_primitive_desc desc =
        Dnnl.poolingBackward(
            scope, algorithm, desc(in), target, strides, kernel, padding, layer.forward);
    Buffer dx = arena(desc(in));
    for (Steps steps : List.of(backward, accumulation)) {
      Steps.Step step =
          steps
              .add(pool.name(), desc, time)
              .with(DNNL_ARG_DIFF_DST, target, gradient)
              .with(DNNL_ARG_DIFF_SRC, desc(in), dx);
      if (layer.workspace != null) {
        step.with(DNNL_ARG_WORKSPACE, Dnnl.workspaceOf(layer.forward), layer.workspace);
      }
    }
    contribute(in, dx, time);
  }

  private void backward(Linear linear, Buffer gradient, int time) {
    long batch = options.batch();
    long in = linear.input().channels();
    long out = linear.output().channels();
    dnnl_memory_desc dy = Dnnl.matrix(scope, type, batch, out);
    dnnl_memory_desc dyTransposed =
        Dnnl.strided(scope, type, new long[] {out, batch}, new long[] {1, out});
    Entry weight = weights.get(linear.weight());
    if (weight.isTrained()) {
      GradientStep step =
          new GradientStep(
                  linear.name() + " weights",
                  Dnnl.matmul(scope, dyTransposed, desc(linear.input()), null, weight.layout()),
                  time)
              .with(DNNL_ARG_SRC, dyTransposed, gradient)
              .with(DNNL_ARG_WEIGHTS, desc(linear.input()), valueOf(linear.input()))
              .gradient(DNNL_ARG_DST, weight, weight.layout());
      step.end();
    }
    Entry bias = weights.get(linear.bias());
    if (bias.isTrained()) {
      dnnl_memory_desc row = Dnnl.matrix(scope, type, 1, batch);
      dnnl_memory_desc sums = Dnnl.matrix(scope, Dnnl.F32, 1, out);
      new GradientStep(linear.name() + " bias", Dnnl.matmul(scope, row, dy, null, sums), time)
          .with(DNNL_ARG_SRC, row, ones(batch, row))
          .with(DNNL_ARG_WEIGHTS, dy, gradient)
          .gradient(DNNL_ARG_DST, bias, sums)
          .end();
    }
    if (isWanted(linear.input())) {
      dnnl_memory_desc matrix = Dnnl.matrix(scope, type, out, in);
      dnnl_memory_desc dx = Dnnl.matrix(scope, type, batch, in);
      Buffer target = arena(dx);
      Buffer packed = linearWeights.get(linear);
      dnnl_primitive_desc desc = Dnnl.matmul(scope, dy, matrix, null, dx);
      for (Steps steps : List.of(backward, accumulation)) {
        steps
            .add(linear.name() + " data", desc, time)
            .with(DNNL_ARG_SRC, dy, gradient)
            .with(DNNL_ARG_WEIGHTS, matrix, packed)
            .with(DNNL_ARG_DST, dx, target);
      }
      contribute(linear.input(), target, time);
    }
  }
}
