package io.resfuse.engine.onednn;

import static org.bytedeco.dnnl.global.dnnl.*;

import io.resfuse.engine.Encoding;
import io.resfuse.engine.EngineException;
import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.Operation;
import io.resfuse.engine.Operation.AveragePool;
import io.resfuse.engine.Operation.BilinearResize;
import io.resfuse.engine.Operation.Concat;
import io.resfuse.engine.Operation.Convert;
import io.resfuse.engine.Operation.FusedConv;
import io.resfuse.engine.Operation.GlobalAveragePool;
import io.resfuse.engine.Operation.Linear;
import io.resfuse.engine.Operation.MaxPool;
import io.resfuse.engine.Operation.SqueezeExcite;
import io.resfuse.engine.Operation.SubsampledIdentity;
import io.resfuse.engine.PlanMemory;
import io.resfuse.engine.PlanRequest;
import io.resfuse.engine.Quantization;
import io.resfuse.engine.QuantizedNetwork;
import io.resfuse.engine.Value;
import io.resfuse.engine.onednn.Arguments.Argument;
import io.resfuse.engine.onednn.Attributes.Residual;
import io.resfuse.engine.onednn.Poolings.Pooling;
import io.resfuse.engine.onednn.Schedule.Segment;
import io.resfuse.tensor.Shape;
import io.resfuse.tensor.TensorLayout;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.dnnl.dnnl_memory_desc;
import org.bytedeco.dnnl.dnnl_primitive;
import org.bytedeco.dnnl.dnnl_primitive_attr;
import org.bytedeco.dnnl.dnnl_primitive_desc;
import org.jspecify.annotations.Nullable;

/**
 * An inference plan before anything is allocated: the schedule, a primitive descriptor for every
 * operation and slice size, the place of every value. {@link #commands} makes it runnable. Not
 * thread-safe; its descriptors live in the scope it was given.
 *
 * <p>oneDNN's primitives run for the parts of a slice, one after the other: implementation and
 * blocking are chosen by sizes, and so with them the order of sums. If it is batch-invariant, parts
 * are of one image. Kernels of our own, whose bits do not depend on the number of images, run for
 * the whole slice.
 */
final class InferenceProgram {
  private static final int IMAGES_OF_BYTES = 8;

  private final Scope scope;
  private final NetworkSpec network;

  /** What is computed with integers; null where nothing is. */
  private final @Nullable QuantizedNetwork integers;

  private final PlanRequest request;

  /** Of activations and weights that are not integers. */
  private final int type;

  private final PackedWeights weights;
  private final FastConvolutions fast;
  private final List<Shape> shapes;
  private final Schedule schedule;
  private final ValuePlaces places;
  private final Map<Integer, Map<Integer, List<Kernel>>> kernels = new HashMap<>();
  private final Map<Integer, Kernel> loads = new HashMap<>();
  private final List<Kernel> stores = new ArrayList<>();
  private final Arguments arguments;
  private final IntegerPrimitives integerPrimitives;
  private final long arenaBytes;
  private long scratchBytes;

  /** A step that is not bound to addresses yet. */
  sealed interface Kernel permits Primitive, Fast, Gating {
    /** How many images it is for. */
    int images();

    /** The scratch memory that it needs. */
    long scratchBytes();
  }

  /** A primitive of oneDNN's. */
  record Primitive(String name, int images, dnnl_primitive_desc desc, List<Argument> arguments)
      implements Kernel {
    @Override
    public long scratchBytes() {
      return Dnnl.bytes(PrimitiveDescs.scratchOf(desc));
    }
  }

  /** A convolution by kernels of our own. */
  private record Fast(
      FusedConv conv,
      FastConvolution convolution,
      PackedWeights.Packed weights,
      PackedWeights.Packed bias)
      implements Kernel {
    @Override
    public int images() {
      return convolution.images();
    }

    @Override
    public long scratchBytes() {
      return convolution.scratchBytes();
    }
  }

  /** Squeeze and excitation by kernels of our own. */
  private record Gating(SqueezeExcite operation, Gate gate, PackedWeights.Packed weights)
      implements Kernel {
    @Override
    public int images() {
      return gate.images();
    }

    @Override
    public long scratchBytes() {
      return gate.stateBytes();
    }
  }

  InferenceProgram(
      Scope scope,
      NetworkSpec full,
      @Nullable Quantization quantization,
      PlanRequest request,
      int type,
      PackedWeights weights,
      FastConvolutions fast) {
    request.requireHostFloats(OneDnnProvider.NAME);
    this.scope = scope;
    NetworkSpec part = full.restrictedTo(request.outputs());
    this.integers = quantization == null ? null : QuantizedNetwork.of(part, quantization);
    this.network = integers == null ? part : integers.network();
    this.request = request;
    this.type = type;
    this.weights = weights;
    this.fast = fast;
    this.shapes = network.shapes(request.batch(), request.height(), request.width());
    this.schedule = schedule();
    this.places = new ValuePlaces(network, request, shapes, schedule, this::typeOf);
    this.arenaBytes = places.plan();
    this.arguments = new Arguments(scope, shapes, this::typeOf);
    this.integerPrimitives = new IntegerPrimitives(scope, places, weights, arguments);
    describe();
  }

  /**
   * Bytes are a quarter of floats, and soon computed: eight images of them are still in the cache,
   * and start fewer primitives.
   */
  private Schedule schedule() {
    int least = (fast.threads() + 3) / 4;
    return integers == null
        ? Schedule.of(network, shapes, request.batch(), Dnnl.elementBytes(type), least, fast)
        : Schedule.of(network, shapes, request.batch(), 1, Math.max(least, IMAGES_OF_BYTES), fast);
  }

  /** The element type of a value: results of linear layers are float32 always. */
  private int typeOf(Value value) {
    if (encoding(value) != null) {
      return Dnnl.U8;
    }
    boolean logits =
        network.operations().stream()
            .anyMatch(o -> o instanceof Linear && o.output().equals(value));
    return logits ? Dnnl.F32 : type;
  }

  private @Nullable Encoding encoding(Value value) {
    return integers == null ? null : integers.encoding(value);
  }

  private boolean isOfIntegers(FusedConv conv) {
    return integers != null && integers.weights(conv) != null;
  }

  PlanMemory memory() {
    return new PlanMemory(
        arguments.weightBytes(), arenaBytes, places.unshared(), scratchBytes, places.hostBytes());
  }

  NetworkSpec network() {
    return network;
  }

  /** What oneDNN has chosen for all operations. */
  List<Implementation> implementations() {
    return kernels.values().stream()
        .flatMap(bySize -> bySize.values().stream())
        .flatMap(List::stream)
        .filter(Primitive.class::isInstance)
        .map(Primitive.class::cast)
        .map(kernel -> Implementation.of(kernel.name, kernel.desc, kernel.arguments()))
        .toList();
  }

  ValuePlaces places() {
    return places;
  }

  private void describe() {
    List<Operation> operations = network.operations();
    for (Segment segment : schedule.segments()) {
      for (int i = segment.first(); i <= segment.last(); i++) {
        Map<Integer, List<Kernel>> bySize = new LinkedHashMap<>();
        Map<Integer, Kernel> made = new HashMap<>();
        for (int images : sizes(segment)) {
          bySize.put(images, describe(operations.get(i), images, segment.part(), made));
        }
        made.values().forEach(this::needScratch);
        kernels.put(i, bySize);
      }
    }
    if (!places.isInputDirect()) {
      for (int images : sizes(schedule.segments().get(0))) {
        Kernel load = describeLoad(images);
        loads.put(images, load);
        needScratch(load);
      }
    }
    for (String name : request.outputs()) {
      if (!places.isDirect(network.output(name))) {
        Kernel store = describeStore(name);
        stores.add(store);
        needScratch(store);
      }
    }
  }

  private void needScratch(Kernel kernel) {
    scratchBytes = Math.max(scratchBytes, kernel.scratchBytes());
  }

  private List<Integer> sizes(Segment segment) {
    int tail = request.batch() % segment.slice();
    return tail == 0 ? List.of(segment.slice()) : List.of(segment.slice(), tail);
  }

  /**
   * What an operation is for a slice: one kernel of our own, or oneDNN's primitives for its parts.
   *
   * @param images of the slice
   * @param part images that a primitive is for, but for the rest
   * @param made kernels of this operation by their images; new ones are added
   */
  private List<Kernel> describe(
      Operation operation, int images, int part, Map<Integer, Kernel> made) {
    FastConvolution convolution =
        operation instanceof FusedConv conv ? fastOf(conv, images, part) : null;
    boolean isOurs = convolution != null || operation instanceof SqueezeExcite;
    int most = isOurs ? images : part;
    List<Kernel> parts = new ArrayList<>();
    for (int image = 0; image < images; image += most) {
      parts.add(
          made.computeIfAbsent(
              Math.min(most, images - image),
              count ->
                  convolution != null
                      ? describe((FusedConv) operation, convolution)
                      : describe(operation, count)));
    }
    return parts;
  }

  private @Nullable FastConvolution fastOf(FusedConv conv, int images, int part) {
    if (isOfIntegers(conv)) {
      return null;
    }
    return fast.of(conv, shapes.get(conv.input().id()), images, part, typeOf(conv.output()), 0);
  }

  private Kernel describe(FusedConv conv, FastConvolution convolution) {
    PackedWeights.Packed packed = weights.weights(conv, convolution.weights(scope));
    arguments.use(packed);
    arguments.use(weights.bias(conv));
    return new Fast(conv, convolution, packed, weights.bias(conv));
  }

  private Kernel describe(Operation operation, int images) {
    if (operation instanceof FusedConv conv) {
      return isOfIntegers(conv)
          ? integerPrimitives.convolution(conv, integers, images)
          : describe(conv, images);
    }
    if (operation instanceof Convert convert) {
      return describe(convert, images);
    }
    if (operation instanceof MaxPool pool) {
      return unary(pool, Pooling.of(pool), images);
    }
    if (operation instanceof AveragePool pool) {
      return unary(pool, Pooling.of(pool, shapes.get(pool.input().id())), images);
    }
    if (operation instanceof SubsampledIdentity identity) {
      return describe(identity, images);
    }
    if (operation instanceof SqueezeExcite gating) {
      Gate gate =
          Gate.of(gating, shapes.get(gating.input().id()), images, 0, typeOf(gating.output()));
      arguments.use(weights.ofGate(gating));
      return new Gating(gating, gate, weights.ofGate(gating));
    }
    if (operation instanceof BilinearResize resize) {
      return describe(resize, images);
    }
    if (operation instanceof Concat concat) {
      return describe(concat, images);
    }
    if (operation instanceof GlobalAveragePool pool) {
      return describe(pool, images);
    }
    if (operation instanceof Linear linear) {
      return describe(linear, images);
    }
    throw new EngineException("onednn: no implementation of " + operation.getClass());
  }

  private Kernel describe(FusedConv conv, int images) {
    int channels = conv.output().channels();
    Value residual = conv.residual();
    Residual how =
        residual == null
            ? Residual.NONE
            : places.isInPlace(conv) ? Residual.IN_PLACE : Residual.SEPARATE;
    dnnl_memory_desc target = arguments.desc(conv.output(), images);
    dnnl_primitive_attr attr = Attributes.fusing(scope, how, target, conv.relu());
    dnnl_memory_desc bias = Dnnl.vector(scope, channels);
    dnnl_primitive_desc desc =
        Convolutions.forward(
            scope,
            dnnl_forward_inference,
            arguments.desc(conv.input(), images),
            Dnnl.anyWeights(scope, type, conv.groups(), Descs.dims(conv.weight().shape())),
            bias,
            target,
            conv.window(),
            attr);
    List<Argument> all = new ArrayList<>();
    all.add(arguments.of(DNNL_ARG_SRC, conv.input(), images));
    dnnl_memory_desc layout = PrimitiveDescs.weightsOf(desc);
    all.add(arguments.weights(DNNL_ARG_WEIGHTS, layout, weights.weights(conv, layout)));
    all.add(arguments.weights(DNNL_ARG_BIAS, bias, weights.bias(conv)));
    all.add(arguments.of(DNNL_ARG_DST, conv.output(), images));
    if (residual != null && how == Residual.SEPARATE) {
      all.add(arguments.of(Attributes.postOperand(0), residual, images));
    }
    return new Primitive(conv.name(), images, desc, all);
  }

  private Kernel describe(Convert convert, int images) {
    return reorder(
        convert.name(),
        images,
        arguments.of(DNNL_ARG_FROM, convert.input(), images),
        arguments.of(DNNL_ARG_TO, convert.output(), images),
        encoding(convert.input()),
        encoding(convert.output()));
  }

  /** From one layout or encoding into another; null encodings are those of floats. */
  private Kernel reorder(
      String name,
      int images,
      Argument from,
      Argument to,
      @Nullable Encoding source,
      @Nullable Encoding target) {
    if ((source == null) != (target == null)) {
      return integerPrimitives.conversion(name, images, from, to, source, target);
    }
    dnnl_primitive_desc desc = Pointwise.reorder(scope, from.desc(), to.desc());
    return new Primitive(name, images, desc, List.of(from, to));
  }

  private Kernel unary(Operation pool, Pooling pooling, int images) {
    Argument from = arguments.of(DNNL_ARG_SRC, pool.inputs().get(0), images);
    Argument to = arguments.of(DNNL_ARG_DST, pool.output(), images);
    dnnl_primitive_desc desc =
        Poolings.forward(scope, dnnl_forward_inference, pooling, from.desc(), to.desc());
    return new Primitive(pool.name(), images, desc, List.of(from, to));
  }

  private Kernel describe(BilinearResize resize, int images) {
    Argument from = arguments.of(DNNL_ARG_SRC, resize.input(), images);
    Argument to = arguments.of(DNNL_ARG_DST, resize.output(), images);
    dnnl_primitive_desc desc = Maps.resize(scope, dnnl_forward_inference, from.desc(), to.desc());
    return new Primitive(resize.name(), images, desc, List.of(from, to));
  }

  private Kernel describe(Concat concat, int images) {
    List<Argument> all = new ArrayList<>();
    for (Value input : concat.inputs()) {
      all.add(arguments.of(DNNL_ARG_MULTIPLE_SRC + all.size(), input, images));
    }
    Argument to = arguments.of(DNNL_ARG_DST, concat.output(), images);
    dnnl_primitive_desc desc =
        Maps.concat(scope, all.stream().map(Argument::desc).toList(), to.desc());
    all.add(to);
    return new Primitive(concat.name(), images, desc, all);
  }

  private Kernel describe(GlobalAveragePool pool, int images) {
    dnnl_memory_desc target = Dnnl.nhwc(scope, type, images, pool.output().channels(), 1, 1);
    dnnl_primitive_desc desc =
        Poolings.forward(
            scope,
            dnnl_forward_inference,
            Pooling.ofAll(shapes.get(pool.input().id())),
            arguments.desc(pool.input(), images),
            target);
    return new Primitive(
        pool.name(),
        images,
        desc,
        List.of(
            arguments.of(DNNL_ARG_SRC, pool.input(), images),
            new Argument(DNNL_ARG_DST, target, pool.output(), null, null)));
  }

  private Kernel describe(SubsampledIdentity identity, int images) {
    dnnl_primitive_desc desc =
        Convolutions.forward(
            scope,
            dnnl_forward_inference,
            arguments.desc(identity.input(), images),
            Dnnl.anyWeights(
                scope,
                encoding(identity.output()) == null ? type : Dnnl.S8,
                1,
                Descs.selectionDims(identity)),
            null,
            arguments.desc(identity.output(), images),
            Descs.selectionWindow(identity),
            Attributes.none(scope));
    dnnl_memory_desc layout = PrimitiveDescs.weightsOf(desc);
    return new Primitive(
        identity.name(),
        images,
        desc,
        List.of(
            arguments.of(DNNL_ARG_SRC, identity.input(), images),
            arguments.weights(DNNL_ARG_WEIGHTS, layout, weights.weights(identity, layout)),
            arguments.of(DNNL_ARG_DST, identity.output(), images)));
  }

  private Kernel describe(Linear linear, int images) {
    int columns = linear.output().channels();
    dnnl_memory_desc bias = Dnnl.matrix(scope, Dnnl.F32, 1, columns);
    dnnl_primitive_desc desc =
        MatrixProducts.of(
            scope,
            arguments.desc(linear.input(), images),
            Dnnl.desc(scope, type, Dnnl.ANY, linear.input().channels(), columns),
            bias,
            arguments.desc(linear.output(), images));
    dnnl_memory_desc layout = PrimitiveDescs.weightsOf(desc);
    return new Primitive(
        linear.name(),
        images,
        desc,
        List.of(
            arguments.of(DNNL_ARG_SRC, linear.input(), images),
            arguments.weights(DNNL_ARG_WEIGHTS, layout, weights.weights(linear, layout)),
            arguments.weights(DNNL_ARG_BIAS, bias, weights.bias(linear)),
            arguments.of(DNNL_ARG_DST, linear.output(), images)));
  }

  /** From the caller's buffer into the plan's layout and type. */
  private Kernel describeLoad(int images) {
    Value input = network.input();
    dnnl_memory_desc from = hostDesc(input, images);
    return reorder(
        "loading the input",
        images,
        new Argument(DNNL_ARG_FROM, from, null, null, places.inputBuffer()),
        arguments.of(DNNL_ARG_TO, input, images),
        null,
        encoding(input));
  }

  /** From the plan's layout and type into the caller's buffer. */
  private Kernel describeStore(String name) {
    Value output = network.output(name);
    int images = request.batch();
    return reorder(
        "storing " + name,
        images,
        arguments.of(DNNL_ARG_FROM, output, images),
        new Argument(DNNL_ARG_TO, hostDesc(output, images), null, null, places.outputBuffer(name)),
        encoding(output),
        null);
  }

  private dnnl_memory_desc hostDesc(Value value, int images) {
    Shape shape = shapes.get(value.id());
    if (value.isFlat()) {
      return Dnnl.matrix(scope, Dnnl.F32, images, value.channels());
    }
    long[] dims = Descs.dims(shape, images);
    return request.layout() == TensorLayout.NHWC
        ? Dnnl.nhwc(scope, Dnnl.F32, dims)
        : Dnnl.nchw(scope, Dnnl.F32, dims);
  }

  /**
   * Creates the primitives and binds every slice to its memory; packs weights that no plan has
   * packed before.
   *
   * @param target owns what is made
   * @param arena where the values lie
   * @param host where the caller's buffers lie
   * @param scratch scratch memory of all primitives
   * @return the steps of a run
   */
  List<Command> commands(Scope target, long arena, long host, long scratch) {
    List<Command> commands = new ArrayList<>();
    Map<Primitive, dnnl_primitive> primitives = new HashMap<>();
    boolean first = true;
    for (Segment segment : schedule.segments()) {
      for (int image = 0; image < request.batch(); image += segment.slice()) {
        int images = Math.min(segment.slice(), request.batch() - image);
        if (first && loads.containsKey(images)) {
          new Binder(target, arena, host, scratch, image, 0, primitives)
              .bind(loads.get(images), commands);
        }
        for (int i = segment.first(); i <= segment.last(); i++) {
          int within = 0;
          for (Kernel kernel : kernels.get(i).get(images)) {
            new Binder(target, arena, host, scratch, image, within, primitives)
                .bind(kernel, commands);
            within += kernel.images();
          }
        }
      }
      first = false;
    }
    for (Kernel store : stores) {
      new Binder(target, arena, host, scratch, 0, 0, primitives).bind(store, commands);
    }
    return commands;
  }

  /** Binds kernels to the memory of one slice, or of one image of it. */
  private final class Binder {
    private final Scope target;
    private final long arena;
    private final long host;
    private final long scratch;
    private final int image;
    private final int within;
    private final Map<Primitive, dnnl_primitive> primitives;

    Binder(
        Scope target,
        long arena,
        long host,
        long scratch,
        int image,
        int within,
        Map<Primitive, dnnl_primitive> primitives) {
      this.target = target;
      this.arena = arena;
      this.host = host;
      this.scratch = scratch;
      this.image = image;
      this.within = within;
      this.primitives = primitives;
    }

    void bind(Kernel kernel, List<Command> commands) {
      if (kernel instanceof Primitive primitive) {
        bind(primitive, commands);
      } else if (kernel instanceof Fast convolution) {
        bind(convolution, commands);
      } else if (kernel instanceof Gating gating) {
        bind(gating, commands);
      }
    }

    private void bind(Gating kernel, List<Command> commands) {
      SqueezeExcite operation = kernel.operation;
      Value residual = operation.residual();
      Gate.Tensors tensors =
          new Gate.Tensors(
              address(operation.input()),
              residual == null ? 0 : address(residual),
              address(operation.output()),
              0,
              0);
      Gate.Weights parameters = Gate.Weights.at(kernel.weights.address(), operation);
      Runnable body = kernel.gate.forward(target, tensors, parameters, scratch);
      commands.add(new Command.Loop(operation.name(), Gate.implementation(), body));
    }

    private void bind(Fast kernel, List<Command> commands) {
      FusedConv conv = kernel.conv;
      Value residual = conv.residual();
      Runnable body =
          kernel.convolution.convolve(
              target,
              new FastConvolution.Addresses(
                  address(conv.input()),
                  kernel.weights.address(),
                  kernel.bias.address(),
                  residual == null ? 0 : address(residual),
                  address(conv.output()),
                  0,
                  0,
                  scratch),
              conv.relu());
      commands.add(new Command.Loop(conv.name(), kernel.convolution.implementation(), body));
    }

    private void bind(Primitive kernel, List<Command> commands) {
      Command.Builder builder = new Command.Builder(target, kernel.name);
      for (Argument argument : kernel.arguments()) {
        builder.bind(argument.index(), argument.desc(), address(argument));
      }
      builder.scratch(kernel.desc, scratch);
      dnnl_primitive primitive =
          primitives.computeIfAbsent(kernel, k -> Dnnl.primitive(target, k.desc));
      commands.add(builder.build(primitive));
    }

    private long address(Argument argument) {
      PackedWeights.Packed packed = argument.weights();
      if (packed != null) {
        return packed.address();
      }
      return argument.host() != null
          ? argument.host().address(arena, host, image, within)
          : address(argument.value());
    }

    private long address(Value value) {
      return places.of(value).address(arena, host, image, within);
    }
  }
}
