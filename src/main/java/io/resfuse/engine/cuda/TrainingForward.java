package io.resfuse.engine.cuda;

import io.resfuse.engine.Operation;
import io.resfuse.engine.Operation.BatchNorm;
import io.resfuse.engine.Operation.FusedConv;
import io.resfuse.engine.Operation.GlobalAveragePool;
import io.resfuse.engine.Operation.Linear;
import io.resfuse.engine.Operation.MaxPool;
import io.resfuse.engine.Operation.SubsampledIdentity;
import io.resfuse.engine.Value;
import io.resfuse.tensor.TensorLayout;
import java.util.HashMap;
import java.util.Map;

/**
 * Builds the forward pass of training. A convolution before a batch norm stores its raw result and
 * the statistics of it; what follows is done by the readers on the way in where they can ({@link
 * TrainingState#isVirtual}), else by one pass.
 */
final class TrainingForward {
  private final TrainingState state;
  private final Emission emission;
  private final Shapes shapes;
  private final Program program;
  private final Map<Value, Buffer> places = new HashMap<>();

  TrainingForward(TrainingState state, Program program) {
    this.state = state;
    this.emission = state.emission();
    this.shapes = state.shapes();
    this.program = program;
  }

  /** Gives a value a place, for those that outlive the program. */
  void place(Value value, Buffer buffer) {
    places.put(value, buffer);
  }

  void build(TensorLayout layout, HostBuffer input, Map<String, HostBuffer> outputs) {
    HostTransfers transfers = new HostTransfers(emission, layout);
    Value image = shapes.network().input();
    StemImage stem = StemImage.of(shapes, state.layouts());
    Buffer tensor =
        transfers.image(
            program,
            input,
            shapes.of(image),
            stem.tensor(),
            stem.border(),
            stem.tensor().bytes(emission.type()));
    state.setOperand(image, Operand.plain(tensor));
    shapes.network().operations().forEach(this::add);
    outputs.forEach(
        (name, host) -> {
          Value value = shapes.network().output(name);
          transfers.result(program, "output " + name, tensor(value), shapes.of(value), host);
        });
  }

  private void add(Operation operation) {
    if (operation instanceof FusedConv conv) {
      if (state.takesBatchStatistics(conv)) {
        addWithStatistics(conv);
      } else {
        addFused(conv);
      }
    } else if (operation instanceof MaxPool pool) {
      add(pool);
    } else if (operation instanceof SubsampledIdentity shortcut) {
      new Conversions(emission)
          .subsample(program, sizes(shortcut), tensor(shortcut.input()), result(shortcut.output()));
    } else if (operation instanceof GlobalAveragePool pool) {
      new Poolings(emission)
          .averagePool(
              program,
              pool.name(),
              shapes.of(pool.input()),
              tensor(pool.input()),
              result(pool.output()));
    } else if (operation instanceof Linear linear) {
      new Convolutions(emission)
          .forward(
              program,
              state.layouts().shape(linear, shapes),
              state.operand(linear.input()),
              state.parameters().stored(linear.weight()),
              new Convolutions.Epilogue(
                  null, state.parameters().master(linear.bias()), null, false),
              result(linear.output()),
              null);
    }
  }

  private void addWithStatistics(FusedConv conv) {
    BatchNorm batchNorm = conv.batchNorm();
    Normalizations normalizations = new Normalizations(emission);
    Normalizations.Norm norm = state.norms().of(conv, batchNorm);
    Activation shape = shapes.of(conv.output());
    ConvolutionShape convolution = state.layouts().shape(conv, shapes);
    Convolutions convolutions = new Convolutions(emission);
    int rowsPerTile = convolutions.rowsOfStatistics(convolution);
    int tiles = ConvolutionShape.ceilDiv(shape.rows(), rowsPerTile);
    Buffer statistics = program.timeline().workspace(2L * Float.BYTES * norm.channels() * tiles);
    Buffer raw = program.timeline().activation(state.bytes(conv.output()));
    Buffer bias = conv.bias() == null ? null : state.parameters().master(conv.bias());
    convolutions.forward(
        program,
        convolution,
        state.operand(conv.input()),
        state.parameters().stored(conv.weight()),
        new Convolutions.Epilogue(null, bias, null, false),
        raw,
        statistics);
    normalizations.finalizeBatch(program, norm, statistics, shape.rows(), rowsPerTile);
    state.keep(conv, raw);
    Operand normalised =
        new Operand(raw, new Operand.Affine(norm.scale(), norm.bias(), conv.relu()));
    if (state.isVirtual(conv)) {
      state.setOperand(conv.output(), normalised);
      return;
    }
    Operand residual = conv.residual() == null ? null : state.operand(conv.residual());
    Buffer output = result(conv.output());
    normalizations.apply(program, conv.name() + " batch norm", shape, normalised, residual, output);
  }

  /** A convolution without batch norm, or with one that is frozen: all in one launch. */
  private void addFused(FusedConv conv) {
    BatchNorm batchNorm = conv.batchNorm();
    Buffer scale = null;
    Buffer bias = conv.bias() == null ? null : state.parameters().master(conv.bias());
    if (batchNorm != null) {
      Normalizations.Norm norm = state.norms().of(conv, batchNorm);
      new Normalizations(emission).fold(program, norm, bias, norm.scale(), norm.bias());
      scale = norm.scale();
      bias = norm.bias();
    }
    Buffer residual = conv.residual() == null ? null : tensor(conv.residual());
    new Convolutions(emission)
        .forward(
            program,
            state.layouts().shape(conv, shapes),
            state.operand(conv.input()),
            state.parameters().stored(conv.weight()),
            new Convolutions.Epilogue(scale, bias, residual, conv.relu()),
            result(conv.output()),
            null);
  }

  private void add(MaxPool pool) {
    Activation output = shapes.of(pool.output());
    Poolings.Pooling pooling =
        new Poolings.Pooling(pool.name(), pool.window(), shapes.of(pool.input()), output);
    Buffer index = null;
    if (state.wantsGradient(pool.input())) {
      index = program.timeline().activation(output.elements());
      state.keep(pool, index);
    }
    new Poolings(emission)
        .maxPool(program, pooling, state.operand(pool.input()), result(pool.output()), index);
  }

  private Conversions.Subsampling sizes(SubsampledIdentity shortcut) {
    return new Conversions.Subsampling(
        shortcut.name(),
        shapes.of(shortcut.input()),
        shapes.of(shortcut.output()),
        shortcut.stride(),
        shortcut.channelsBefore());
  }

  /** A value that has been written. */
  private Buffer tensor(Value value) {
    Operand operand = state.operand(value);
    if (operand.affine() != null) {
      throw new IllegalStateException(value.name() + " was never written");
    }
    return operand.tensor();
  }

  private Buffer result(Value value) {
    Buffer buffer =
        places.computeIfAbsent(value, v -> program.timeline().activation(state.bytes(v)));
    state.setOperand(value, Operand.plain(buffer));
    return buffer;
  }
}
