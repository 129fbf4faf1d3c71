package io.resfuse.engine.cuda;

import io.resfuse.engine.Operation;
import io.resfuse.engine.Operation.AveragePool;
import io.resfuse.engine.Operation.BatchNorm;
import io.resfuse.engine.Operation.BilinearResize;
import io.resfuse.engine.Operation.Concat;
import io.resfuse.engine.Operation.FusedConv;
import io.resfuse.engine.Operation.GlobalAveragePool;
import io.resfuse.engine.Operation.Linear;
import io.resfuse.engine.Operation.MaxPool;
import io.resfuse.engine.Operation.SqueezeExcite;
import io.resfuse.engine.Operation.SubsampledIdentity;
import io.resfuse.engine.Value;
import io.resfuse.engine.cuda.internal.backend.TrainingConvolutions;
import io.resfuse.engine.cuda.internal.backend.TrainingState;
import io.resfuse.engine.cuda.internal.emit.Conversions;
import io.resfuse.engine.cuda.internal.emit.Convolutions;
import io.resfuse.engine.cuda.internal.emit.Emission;
import io.resfuse.engine.cuda.internal.emit.Gates;
import io.resfuse.engine.cuda.internal.emit.HostTransfers;
import io.resfuse.engine.cuda.internal.emit.ImageInput;
import io.resfuse.engine.cuda.internal.emit.Maps;
import io.resfuse.engine.cuda.internal.emit.Normalizations;
import io.resfuse.engine.cuda.internal.emit.Operand;
import io.resfuse.engine.cuda.internal.emit.Poolings;
import io.resfuse.engine.cuda.internal.layout.Activation;
import io.resfuse.engine.cuda.internal.layout.Shapes;
import io.resfuse.engine.cuda.internal.layout.StemImage;
import io.resfuse.engine.cuda.internal.program.Buffer;
import io.resfuse.engine.cuda.internal.program.HostBuffer;
import io.resfuse.engine.cuda.internal.program.Program;
import io.resfuse.tensor.TensorLayout;
import java.util.Map;

/** Builds the forward pass of training. */
final class TrainingForward {
  private final TrainingState state;
  private final Emission emission;
  private final Shapes shapes;
  private final TrainingConvolutions convolutions;
  private final Program program;

  TrainingForward(TrainingState state, TrainingConvolutions convolutions, Program program) {
    this.state = state;
    this.convolutions = convolutions;
    this.emission = state.emission();
    this.shapes = state.shapes();
    this.program = program;
  }

  void build(TensorLayout layout, ImageInput input, Map<String, HostBuffer> outputs) {
    HostTransfers transfers = new HostTransfers(emission, layout);
    StemImage stem = StemImage.of(shapes, state.layouts());
    Buffer image = transfers.image(program, input, stem, emission.type());
    state.setOperand(shapes.network().input(), Operand.plain(image));
    shapes.network().operations().forEach(this::add);
    outputs.forEach(
        (name, host) -> {
          Value value = shapes.network().output(name);
          transfers.result(program, "output " + name, state.tensor(value), shapes.of(value), host);
        });
  }

  private void add(Operation operation) {
    if (operation instanceof FusedConv conv) {
      if (state.takesBatchStatistics(conv)) {
        convolutions.addWithStatistics(program, conv);
      } else {
        addFused(conv);
      }
    } else if (operation instanceof MaxPool pool) {
      add(pool);
    } else if (operation instanceof AveragePool pool) {
      new Poolings(emission)
          .averageSquares(
              program,
              Poolings.Squares.of(pool, shapes),
              state.tensor(pool.input()),
              state.result(program, pool.output()));
    } else if (operation instanceof SqueezeExcite gating) {
      Buffer residual = gating.residual() == null ? null : state.tensor(gating.residual());
      state.keep(
          gating,
          new Gates(emission)
              .forward(
                  program,
                  Gates.Sizes.of(gating, shapes),
                  state.tensor(gating.input()),
                  state.gateWeights(gating),
                  residual,
                  state.result(program, gating.output())));
    } else if (operation instanceof SubsampledIdentity shortcut) {
      new Conversions(emission)
          .subsample(
              program,
              sizes(shortcut),
              state.tensor(shortcut.input()),
              state.result(program, shortcut.output()));
    } else if (operation instanceof GlobalAveragePool pool) {
      new Poolings(emission)
          .averagePool(
              program,
              pool.name(),
              shapes.of(pool.input()),
              state.tensor(pool.input()),
              state.result(program, pool.output()));
    } else if (operation instanceof BilinearResize resize) {
      new Maps(emission)
          .resize(
              program,
              Maps.Resize.of(resize, shapes),
              state.tensor(resize.input()),
              state.result(program, resize.output()));
    } else if (operation instanceof Concat concat) {
      new Maps(emission)
          .concat(program, concat, shapes, state::tensor, state.result(program, concat.output()));
    } else if (operation instanceof Linear linear) {
      new Convolutions(emission)
          .forward(
              program,
              state.layouts().shape(linear, shapes),
              state.operand(linear.input()),
              state.parameters().stored(linear.weight()),
              new Convolutions.Epilogue(
                  null, state.parameters().master(linear.bias()), null, false),
              state.result(program, linear.output()),
              null);
    }
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
    Buffer residual = conv.residual() == null ? null : state.tensor(conv.residual());
    convolutions
        .inference()
        .add(
            program,
            state.layouts().shape(conv, shapes),
            state.operand(conv.input()),
            state.parameters().stored(conv.weight()),
            state.epilogue(conv, scale, bias, residual),
            state.result(program, conv.output()));
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
        .maxPool(
            program,
            pooling,
            state.operand(pool.input()),
            state.result(program, pool.output()),
            index);
  }

  private Conversions.Subsampling sizes(SubsampledIdentity shortcut) {
    return new Conversions.Subsampling(
        shortcut.name(),
        shapes.of(shortcut.input()),
        shapes.of(shortcut.output()),
        shortcut.stride(),
        shortcut.channelsBefore());
  }
}
