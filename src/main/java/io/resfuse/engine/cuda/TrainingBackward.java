package io.resfuse.engine.cuda;

import io.resfuse.engine.Operation;
import io.resfuse.engine.Operation.BatchNorm;
import io.resfuse.engine.Operation.FusedConv;
import io.resfuse.engine.Operation.GlobalAveragePool;
import io.resfuse.engine.Operation.Linear;
import io.resfuse.engine.Operation.MaxPool;
import io.resfuse.engine.Operation.SubsampledIdentity;
import io.resfuse.engine.ParameterSpec;
import io.resfuse.engine.Value;
import io.resfuse.engine.cuda.kernels.Mask;
import io.resfuse.tensor.TensorLayout;
import java.util.List;
import java.util.Map;
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
  private final Program program;
  private final Gradients gradients;

  TrainingBackward(TrainingState state, Program program) {
    this.state = state;
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
    List<Operation> operations = shapes.network().operations();
    for (int i = operations.size() - 1; i >= 0; i--) {
      Operation operation = operations.get(i);
      if (state.wantsGradient(operation.output())) {
        addGiven(transfers, operation.output(), given);
        add(operation);
      }
    }
    Value image = shapes.network().input();
    if (inputGradient != null) {
      addGiven(transfers, image, given);
      transfers.result(
          program, "gradient of the images", present(image), shapes.of(image), inputGradient);
    }
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

  private Buffer present(Value value) {
    Buffer gradient = gradients.get(value);
    if (gradient == null) {
      throw new IllegalStateException("nothing contributed to the gradient of " + value.name());
    }
    return gradient;
  }

  private void add(Operation operation) {
    if (operation instanceof FusedConv conv) {
      add(conv);
    } else if (operation instanceof Linear linear) {
      add(linear);
    } else if (state.wantsGradient(operation.inputs().get(0))) {
      addWithoutParameters(operation);
    }
  }

  private void addWithoutParameters(Operation operation) {
    Value input = operation.inputs().get(0);
    Buffer gradient = present(operation.output());
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

  private void add(Linear linear) {
    Buffer gradient = present(linear.output());
    addBias(linear.name(), linear.bias(), shapes.of(linear.output()), gradient);
    addProduct(
        linear, state.layouts().shape(linear, shapes), linear.input(), linear.weight(), gradient);
  }

  private void addBias(
      String name, @Nullable ParameterSpec bias, Activation shape, Buffer gradient) {
    Buffer target = bias == null ? null : parameters.gradient(bias);
    if (target != null) {
      new Normalizations(emission).biasGradient(program, name, shape, gradient, target);
    }
  }

  /** The gradients of weights and input of a convolution or linear layer. */
  private void addProduct(
      Operation operation,
      ConvolutionShape shape,
      Value input,
      ParameterSpec weight,
      Buffer gradient) {
    Convolutions convolutions = new Convolutions(emission);
    Buffer weightGradient = parameters.gradient(weight);
    if (weightGradient != null) {
      convolutions.weightGradient(program, shape, state.operand(input), gradient, weightGradient);
    }
    if (state.wantsGradient(input)) {
      Gradients.Target target = gradients.target(input);
      convolutions.inputGradient(
          program,
          shape,
          gradient,
          state.transposed(operation),
          target.buffer(),
          target.accumulate());
    }
  }

  private void add(FusedConv conv) {
    Buffer result = state.takesBatchStatistics(conv) ? throughBatchNorm(conv) : throughFused(conv);
    addProduct(conv, state.layouts().shape(conv, shapes), conv.input(), conv.weight(), result);
  }

  /** The gradient of the raw result of a convolution whose batch norm uses the batch. */
  private Buffer throughBatchNorm(FusedConv conv) {
    BatchNorm batchNorm = conv.batchNorm();
    Normalizations.Norm norm = state.norms().of(conv, batchNorm);
    Buffer gradient = present(conv.output());
    Operand value = state.operand(conv.output());
    Mask mask = !conv.relu() ? Mask.NONE : value.affine() == null ? Mask.OUTPUT : Mask.INPUT;
    Normalizations.Backward backward =
        new Normalizations.Backward(
            conv.name(),
            shapes.of(conv.output()),
            gradient,
            state.kept(conv),
            mask,
            mask == Mask.OUTPUT ? value.tensor() : null);
    long vector = (long) norm.channels() * Float.BYTES;
    Normalizations.Coefficients coefficients =
        new Normalizations.Coefficients(
            program.timeline().workspace(vector),
            program.timeline().workspace(vector),
            program.timeline().workspace(vector));
    Normalizations normalizations = new Normalizations(emission);
    normalizations.backwardStatistics(
        program,
        backward,
        norm,
        parameters.gradient(batchNorm.gamma()),
        parameters.gradient(batchNorm.beta()),
        coefficients);
    return apply(conv, backward, norm, coefficients);
  }

  /** The same without batch norm, or with one that is frozen. */
  private Buffer throughFused(FusedConv conv) {
    BatchNorm batchNorm = conv.batchNorm();
    Activation shape = shapes.of(conv.output());
    Buffer gradient = present(conv.output());
    Buffer result = gradient;
    if (conv.relu() || batchNorm != null || conv.residual() != null) {
      Normalizations.Backward backward =
          new Normalizations.Backward(
              conv.name(),
              shape,
              gradient,
              null,
              conv.relu() ? Mask.OUTPUT : Mask.NONE,
              conv.relu() ? state.operand(conv.output()).tensor() : null);
      Normalizations.Coefficients coefficients =
          batchNorm == null
              ? null
              : new Normalizations.Coefficients(
                  state.norms().of(conv, batchNorm).scale(), null, null);
      result = apply(conv, backward, null, coefficients);
    }
    addBias(conv.name(), conv.bias(), shape, result);
    return result;
  }

  /** The gradient of the raw result; passes the masked gradient on to the residual. */
  private Buffer apply(
      FusedConv conv,
      Normalizations.Backward backward,
      Normalizations.@Nullable Norm norm,
      Normalizations.@Nullable Coefficients coefficients) {
    Buffer gradient = backward.gradient();
    Value residual = conv.residual();
    boolean passOn = residual != null && state.wantsGradient(residual);
    Buffer result = passOn ? program.timeline().activation(state.bytes(conv.output())) : gradient;
    Buffer masked = passOn && backward.mask() != Mask.NONE ? gradient : null;
    new Normalizations(emission)
        .backwardApply(program, backward, norm, coefficients, result, masked);
    if (passOn) {
      gradients.give(residual, gradient);
    }
    return result;
  }
}
