package io.resfuse.engine.cuda;

import io.resfuse.engine.Encoding;
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
import io.resfuse.engine.QuantizedNetwork;
import io.resfuse.engine.Value;
import io.resfuse.engine.cuda.internal.backend.InferenceConvolutions;
import io.resfuse.engine.cuda.internal.emit.ByteConversions;
import io.resfuse.engine.cuda.internal.emit.Conversions;
import io.resfuse.engine.cuda.internal.emit.Convolutions;
import io.resfuse.engine.cuda.internal.emit.Emission;
import io.resfuse.engine.cuda.internal.emit.Gates;
import io.resfuse.engine.cuda.internal.emit.HostTransfers;
import io.resfuse.engine.cuda.internal.emit.ImageInput;
import io.resfuse.engine.cuda.internal.emit.IntegerConvolutions;
import io.resfuse.engine.cuda.internal.emit.Maps;
import io.resfuse.engine.cuda.internal.emit.Operand;
import io.resfuse.engine.cuda.internal.emit.Poolings;
import io.resfuse.engine.cuda.internal.kernels.ElementType;
import io.resfuse.engine.cuda.internal.layout.Layouts;
import io.resfuse.engine.cuda.internal.layout.Shapes;
import io.resfuse.engine.cuda.internal.layout.StemImage;
import io.resfuse.engine.cuda.internal.program.Buffer;
import io.resfuse.engine.cuda.internal.program.HostBuffer;
import io.resfuse.engine.cuda.internal.program.Program;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Builds forward passes with running statistics: a launch per operation, everything after a
 * convolution in its epilogue where the {@link InferenceConvolutions} can; a result takes the place
 * of its residual where nothing else needs that.
 */
final class ForwardBuilder {
  private final Emission emission;
  private final Shapes shapes;
  private final Layouts layouts;
  private final WeightSource weights;
  private final InferenceConvolutions convolutions;
  private final Program program;
  private final Map<Value, Buffer> tensors = new HashMap<>();

  /** The network as it is computed in int8, with its weights; null in other precisions. */
  private final @Nullable QuantizedNetwork integers;

  private final @Nullable IntegerWeights integerWeights;

  /** Copies that are none: what others read must not be overwritten. */
  private final Set<Value> shared = new HashSet<>();

  ForwardBuilder(
      Emission emission,
      Shapes shapes,
      Layouts layouts,
      WeightSource weights,
      InferenceConvolutions convolutions,
      Program program) {
    this(emission, shapes, layouts, weights, convolutions, program, null, null);
  }

  /**
   * In int8.
   *
   * @param emission of what is computed in float32
   */
  ForwardBuilder(
      Emission emission,
      Shapes shapes,
      Layouts layouts,
      WeightSource weights,
      InferenceConvolutions convolutions,
      Program program,
      @Nullable QuantizedNetwork integers,
      @Nullable IntegerWeights integerWeights) {
    this.integers = integers;
    this.integerWeights = integerWeights;
    this.emission = emission;
    this.shapes = shapes;
    this.layouts = layouts;
    this.weights = weights;
    this.convolutions = convolutions;
    this.program = program;
  }

  /** Gives a value a place, for those that outlive the program. */
  void place(Value value, Buffer buffer) {
    tensors.put(value, buffer);
  }

  /**
   * Adds the whole pass.
   *
   * @param transfers from and to the caller
   * @param input of the caller
   * @param outputs of the caller, by name
   */
  void build(HostTransfers transfers, ImageInput input, Map<String, HostBuffer> outputs) {
    Value image = shapes.network().input();
    StemImage stem = StemImage.of(shapes, layouts);
    Encoding encoding = encoding(image);
    tensors.put(
        image,
        encoding == null
            ? transfers.image(program, input, stem, emission.type())
            : transfers.encodedImage(program, input, stem, encoding));
    shapes.network().operations().forEach(this::add);
    outputs.forEach(
        (name, host) -> {
          Value value = shapes.network().output(name);
          String label = "output " + name;
          transfers.result(program, label, floats(label, value), shapes.of(value), host);
        });
  }

  /** How a value is stored in bytes; null if it is not. */
  private @Nullable Encoding encoding(Value value) {
    return integers == null ? null : integers.encoding(value);
  }

  private Emission emission(Value value) {
    return encoding(value) == null ? emission : emission.withType(ElementType.U8);
  }

  /** A value as it is, or decoded. */
  private Buffer floats(String label, Value value) {
    Encoding encoding = encoding(value);
    if (encoding == null) {
      return tensor(value);
    }
    Buffer floats = program.timeline().activation(shapes.of(value).bytes(emission.type()));
    new ByteConversions(emission).decode(program, label, tensor(value), floats, encoding);
    return floats;
  }

  private void add(Operation operation) {
    if (operation instanceof FusedConv conv) {
      add(conv);
    } else if (operation instanceof Convert convert) {
      add(convert);
    } else if (operation instanceof MaxPool pool) {
      Poolings.Pooling pooling =
          new Poolings.Pooling(
              pool.name(), pool.window(), shapes.of(pool.input()), shapes.of(pool.output()));
      new Poolings(emission(pool.output()))
          .maxPool(
              program, pooling, Operand.plain(tensor(pool.input())), result(pool.output()), null);
    } else if (operation instanceof AveragePool pool) {
      new Poolings(emission(pool.output()))
          .averageSquares(
              program,
              Poolings.Squares.of(pool, shapes),
              tensor(pool.input()),
              result(pool.output()));
    } else if (operation instanceof SqueezeExcite gating) {
      Value residual = gating.residual();
      Buffer added = residual == null ? null : tensor(residual);
      new Gates(emission)
          .forward(
              program,
              Gates.Sizes.of(gating, shapes),
              tensor(gating.input()),
              weights.gate(gating),
              added,
              place(gating, residual, added, true));
    } else if (operation instanceof SubsampledIdentity shortcut) {
      Conversions.Subsampling sizes =
          new Conversions.Subsampling(
              shortcut.name(),
              shapes.of(shortcut.input()),
              shapes.of(shortcut.output()),
              shortcut.stride(),
              shortcut.channelsBefore());
      new Conversions(emission(shortcut.output()))
          .subsample(program, sizes, tensor(shortcut.input()), result(shortcut.output()));
    } else if (operation instanceof GlobalAveragePool pool) {
      new Poolings(emission)
          .averagePool(
              program,
              pool.name(),
              shapes.of(pool.input()),
              tensor(pool.input()),
              result(pool.output()));
    } else if (operation instanceof BilinearResize resize) {
      new Maps(emission)
          .resize(
              program,
              Maps.Resize.of(resize, shapes),
              tensor(resize.input()),
              result(resize.output()));
    } else if (operation instanceof Concat concat) {
      new Maps(emission).concat(program, concat, shapes, this::tensor, result(concat.output()));
    } else if (operation instanceof Linear linear) {
      Convolutions.Epilogue epilogue =
          new Convolutions.Epilogue(null, weights.bias(linear), null, false);
      new Convolutions(emission)
          .forward(
              program,
              layouts.shape(linear, shapes),
              Operand.plain(tensor(linear.input())),
              weights.weights(linear),
              epilogue,
              result(linear.output()),
              null);
    }
  }

  private void add(Convert convert) {
    Value in = convert.input();
    Value out = convert.output();
    Encoding from = encoding(in);
    Encoding to = encoding(out);
    ByteConversions conversions = new ByteConversions(emission);
    if (from == null && to != null) {
      conversions.encode(program, convert.name(), tensor(in), result(out), to);
    } else if (from != null && to == null) {
      conversions.decode(program, convert.name(), tensor(in), result(out), from);
    } else {
      // A copy, for engines that always write over residuals.
      tensors.put(out, tensor(in));
      shared.add(out);
    }
  }

  private void add(FusedConv conv) {
    Value residual = conv.residual();
    Buffer added = residual == null ? null : tensor(residual);
    if (integerWeights != null && integerWeights.has(conv)) {
      Buffer output = place(conv, residual, added, encoding(conv.output()) != null);
      new IntegerConvolutions(emission)
          .forward(
              program,
              layouts.shape(conv, shapes),
              tensor(conv.input()),
              integerWeights.of(conv),
              new IntegerConvolutions.Result(
                  added, conv.relu(), output, encoding(conv.output()) == null));
      return;
    }
    Convolutions.Epilogue epilogue = weights.epilogue(program, conv, added);
    Operand input = Operand.plain(tensor(conv.input()));
    Buffer output = place(conv, residual, added, convolutions.canTakeResidualsPlace());
    convolutions.add(
        program, layouts.shape(conv, shapes), input, weights.weights(conv), epilogue, output);
  }

  private Buffer place(
      Operation operation,
      @Nullable Value residual,
      @Nullable Buffer added,
      boolean canTakeResidualsPlace) {
    boolean inPlace =
        residual != null
            && canTakeResidualsPlace
            && !shared.contains(residual)
            && !residual.equals(operation.inputs().get(0))
            && !tensors.containsKey(operation.output())
            && shapes.isLastReader(operation, residual);
    if (added != null && inPlace) {
      tensors.put(operation.output(), added);
      return added;
    }
    return result(operation.output());
  }

  private Buffer tensor(Value value) {
    return tensors.get(value);
  }

  private Buffer result(Value value) {
    return tensors.computeIfAbsent(
        value, v -> program.timeline().activation(shapes.of(v).bytes(emission(v).type())));
  }
}
