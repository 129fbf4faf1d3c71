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
import io.resfuse.engine.ParameterSpec;
import io.resfuse.engine.Value;
import io.resfuse.engine.cuda.internal.backend.Gradients;
import io.resfuse.engine.cuda.internal.backend.KernelTraining;
import io.resfuse.engine.cuda.internal.backend.Layer;
import io.resfuse.engine.cuda.internal.backend.TrainingConvolutions;
import io.resfuse.engine.cuda.internal.backend.TrainingState;
import io.resfuse.engine.cuda.internal.emit.Conversions;
import io.resfuse.engine.cuda.internal.emit.Emission;
import io.resfuse.engine.cuda.internal.emit.Gates;
import io.resfuse.engine.cuda.internal.emit.HostTransfers;
import io.resfuse.engine.cuda.internal.emit.Maps;
import io.resfuse.engine.cuda.internal.emit.NormalizationGradients;
import io.resfuse.engine.cuda.internal.emit.Poolings;
import io.resfuse.engine.cuda.internal.kernels.Mask;
import io.resfuse.engine.cuda.internal.layout.Activation;
import io.resfuse.engine.cuda.internal.layout.ParameterSpace;
import io.resfuse.engine.cuda.internal.layout.Shapes;
import io.resfuse.engine.cuda.internal.program.Buffer;
import io.resfuse.engine.cuda.internal.program.HostBuffer;
import io.resfuse.engine.cuda.internal.program.Program;
import io.resfuse.tensor.TensorLayout;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Builds the backward pass. The masked gradient of a block's result takes the place of the gradient
 * and becomes that of the residual; further contributions are added by the epilogues of the kernels
 * that compute them.
 *
 * <p>A convolution's bias before a batch norm with the batch's statistics has no influence: its
 * gradient is zero, and nothing is computed for it.
 */
final class TrainingBackward {
  private final TrainingState state;
  private final Emission emission;
  private final Shapes shapes;
  private final ParameterSpace parameters;
  private final TrainingConvolutions convolutions;
  private final TrainingConvolutions linears;
  private final Program program;
  private final Gradients gradients;

  TrainingBackward(TrainingState state, TrainingConvolutions convolutions, Program program) {
    this.state = state;
    this.convolutions = convolutions;
    this.linears = new KernelTraining(state);
    this.emission = state.emission();
    this.shapes = state.shapes();
    this.parameters = state.parameters();
    this.program = program;
    this.gradients = new Gradients(state, program);
  }

  /**
   * Adds the whole pass.
   *
   * @param given the gradients of the outputs, by name
   * @param inputGradient where that of the images goes, or null
   */
  void build(
      TensorLayout layout, Map<String, HostBuffer> given, @Nullable HostBuffer inputGradient) {
    HostTransfers transfers = new HostTransfers(emission, layout);
    for (Operation operation : wayBack()) {
      if (state.wantsGradient(operation.output())) {
        addGiven(transfers, operation.output(), given);
        gradients.begin(operation);
        add(operation);
      }
    }
    Value image = shapes.network().input();
    if (inputGradient != null) {
      addGiven(transfers, image, given);
      transfers.result(
          program,
          "gradient of the images",
          gradients.present(image),
          shapes.of(image),
          inputGradient);
    }
  }

  /**
   * The operations, the last first; but what leads to a residual alone comes right after who adds
   * it, so that the block's first convolution is the last to contribute to the gradient of its
   * input: its epilogue can do what follows.
   */
  private List<Operation> wayBack() {
    List<Operation> operations = shapes.network().operations();
    Set<Operation> order = new LinkedHashSet<>();
    for (int i = operations.size() - 1; i >= 0; i--) {
      Operation operation = operations.get(i);
      order.add(operation);
      Value residual = residual(operation);
      Operation shortcut = residual == null ? null : shapes.producer(residual);
      while (shortcut != null
          && shortcut.inputs().size() == 1
          && shapes.readers(shortcut.output()).size() == 1) {
        order.add(shortcut);
        shortcut = shapes.producer(shortcut.inputs().get(0));
      }
    }
    return List.copyOf(order);
  }

  private static @Nullable Value residual(Operation operation) {
    if (operation instanceof SqueezeExcite gating) {
      return gating.residual();
    }
    return operation instanceof FusedConv conv ? conv.residual() : null;
  }

  private void addGiven(HostTransfers transfers, Value value, Map<String, HostBuffer> given) {
    given.forEach(
        (name, host) -> {
          if (shapes.network().output(name).equals(value)) {
            Gradients.Target target = gradients.target(value);
            transfers.gradient(
                program, value, host, shapes.of(value), target.buffer(), target.accumulate());
          }
        });
  }

  private void add(Operation operation) {
    if (operation instanceof FusedConv conv) {
      add(conv);
    } else if (operation instanceof SqueezeExcite gating) {
      add(gating);
    } else if (operation instanceof Linear linear) {
      add(linear);
    } else if (operation instanceof Concat concat) {
      add(concat);
    } else if (state.wantsGradient(operation.inputs().get(0))) {
      addWithoutParameters(operation);
    }
  }

  private void addWithoutParameters(Operation operation) {
    Value input = operation.inputs().get(0);
    Buffer gradient = gradients.present(operation.output());
    Gradients.Target target = gradients.target(input);
    if (operation instanceof MaxPool pool) {
      Poolings.Pooling pooling =
          new Poolings.Pooling(
              pool.name(), pool.window(), shapes.of(input), shapes.of(pool.output()));
      Buffer index = state.kept(pool);
      if (index == null) {
        throw new IllegalStateException("the forward pass kept no indices of " + pool.name());
      }
      new Poolings(emission)
          .maxPoolBackward(program, pooling, gradient, index, target.buffer(), target.accumulate());
    } else if (operation instanceof AveragePool pool) {
      new Poolings(emission)
          .averageSquaresBackward(
              program,
              Poolings.Squares.of(pool, shapes),
              gradient,
              target.buffer(),
              target.accumulate());
    } else if (operation instanceof SubsampledIdentity shortcut) {
      Conversions.Subsampling sizes =
          new Conversions.Subsampling(
              shortcut.name(),
              shapes.of(input),
              shapes.of(shortcut.output()),
              shortcut.stride(),
              shortcut.channelsBefore());
      new Conversions(emission)
          .subsampleBackward(program, sizes, gradient, target.buffer(), target.accumulate());
    } else if (operation instanceof BilinearResize resize) {
      new Maps(emission)
          .resizeBackward(
              program,
              Maps.Resize.of(resize, shapes),
              gradient,
              target.buffer(),
              target.accumulate());
    } else if (operation instanceof GlobalAveragePool pool) {
      new Poolings(emission)
          .averagePoolBackward(
              program,
              pool.name(),
              shapes.of(input),
              gradient,
              target.buffer(),
              target.accumulate());
    }
  }

  private void add(Concat concat) {
    Buffer gradient = gradients.present(concat.output());
    for (int i = 0; i < concat.inputs().size(); i++) {
      Value input = concat.inputs().get(i);
      if (state.wantsGradient(input)) {
        Gradients.Target target = gradients.target(input);
        new Maps(emission)
            .concatBackward(
                program, concat, i, shapes, gradient, target.buffer(), target.accumulate());
      }
    }
  }

  private void add(SqueezeExcite gating) {
    Gates gates = new Gates(emission);
    Gates.Sizes sizes = Gates.Sizes.of(gating, shapes);
    Gates.State kept = state.kept(gating);
    if (kept == null) {
      throw new IllegalStateException("the forward pass kept no gates of " + gating.name());
    }
    Buffer gradient = gradients.present(gating.output());
    Buffer means =
        gates.backward(
            program,
            sizes,
            state.tensor(gating.input()),
            state.tensor(gating.output()),
            gradient,
            kept,
            state.gateWeights(gating),
            state.gateGradients(gating));
    if (state.wantsGradient(gating.input())) {
      Gradients.Target target = gradients.target(gating.input());
      gates.inputGradient(
          program, sizes, gradient, kept, means, target.buffer(), target.accumulate());
    }
    Value residual = gating.residual();
    if (residual != null && state.wantsGradient(residual)) {
      gradients.give(residual, gradient);
    }
  }

  private void add(Linear linear) {
    Buffer gradient = gradients.present(linear.output());
    addBias(linear.name(), linear.bias(), shapes.of(linear.output()), gradient);
    addProduct(linears, Layer.of(linear, state), gradient);
  }

  private void addBias(
      String name, @Nullable ParameterSpec bias, Activation shape, Buffer gradient) {
    Buffer target = bias == null ? null : parameters.gradient(bias);
    if (target != null) {
      new NormalizationGradients(emission).biasGradient(program, name, shape, gradient, target);
    }
  }

  /** The gradients of weights and input of a convolution or linear layer. */
  private void addProduct(TrainingConvolutions by, Layer layer, Buffer gradient) {
    Buffer weightGradient = parameters.gradient(layer.weight());
    if (weightGradient != null) {
      by.weightGradient(program, layer, gradient, weightGradient);
    }
    if (state.wantsGradient(layer.input())) {
      by.inputGradient(program, layer, gradient, gradients);
    }
  }

  private void add(FusedConv conv) {
    Buffer result =
        state.takesBatchStatistics(conv)
            ? convolutions.throughBatchNorm(program, gradients, conv)
            : throughFused(conv);
    addProduct(convolutions, Layer.of(conv, state), result);
  }

  /** The gradient of the raw result of a convolution without batch norm, or with a frozen one. */
  private Buffer throughFused(FusedConv conv) {
    BatchNorm batchNorm = conv.batchNorm();
    Activation shape = shapes.of(conv.output());
    Buffer gradient = gradients.present(conv.output());
    Buffer result = gradient;
    if (conv.relu() || batchNorm != null || conv.residual() != null) {
      NormalizationGradients.Backward backward =
          new NormalizationGradients.Backward(
              conv.name(),
              shape,
              gradient,
              null,
              conv.relu() ? Mask.OUTPUT : Mask.NONE,
              conv.relu() ? state.operand(conv.output()).tensor() : null,
              null);
      NormalizationGradients.Coefficients coefficients =
          batchNorm == null
              ? null
              : NormalizationGradients.Coefficients.of(state.norms().of(conv, batchNorm).scale());
      result = gradients.apply(conv, backward, null, coefficients);
    }
    addBias(conv.name(), conv.bias(), shape, result);
    return result;
  }
}
