package io.resfuse.engine.cuda;

import io.resfuse.engine.Operation;
import io.resfuse.engine.Operation.BatchNorm;
import io.resfuse.engine.Operation.FusedConv;
import io.resfuse.engine.Operation.Linear;
import io.resfuse.engine.Operation.SqueezeExcite;
import io.resfuse.engine.cuda.internal.backend.TrainingState;
import io.resfuse.engine.cuda.internal.emit.Convolutions;
import io.resfuse.engine.cuda.internal.emit.Gates;
import io.resfuse.engine.cuda.internal.emit.Normalizations;
import io.resfuse.engine.cuda.internal.program.Buffer;
import io.resfuse.engine.cuda.internal.program.Program;
import org.jspecify.annotations.Nullable;

/** The weights of a network in training, for its evaluation: batch norms are folded on the way. */
final class TrainingWeightSource implements WeightSource {
  private final TrainingState state;

  TrainingWeightSource(TrainingState state) {
    this.state = state;
  }

  @Override
  public Buffer weights(Operation operation) {
    return state
        .parameters()
        .stored(
            operation instanceof Linear linear
                ? linear.weight()
                : ((FusedConv) operation).weight());
  }

  @Override
  public Convolutions.Epilogue epilogue(
      Program program, FusedConv conv, @Nullable Buffer residual) {
    Buffer bias = conv.bias() == null ? null : state.parameters().master(conv.bias());
    BatchNorm batchNorm = conv.batchNorm();
    if (batchNorm == null) {
      return state.epilogue(conv, null, bias, residual);
    }
    Normalizations.Norm norm = state.norms().of(conv, batchNorm);
    long vector = (long) norm.channels() * Float.BYTES;
    Buffer scale = program.timeline().workspace(vector);
    Buffer shift = program.timeline().workspace(vector);
    new Normalizations(state.emission()).fold(program, norm, bias, scale, shift);
    return state.epilogue(conv, scale, shift, residual);
  }

  @Override
  public Buffer bias(Linear linear) {
    return state.parameters().master(linear.bias());
  }

  @Override
  public Gates.Weights gate(SqueezeExcite operation) {
    return state.gateWeights(operation);
  }
}
