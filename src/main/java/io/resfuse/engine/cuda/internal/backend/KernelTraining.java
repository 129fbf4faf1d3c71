package io.resfuse.engine.cuda.internal.backend;

import io.resfuse.engine.Operation;
import io.resfuse.engine.Operation.BatchNorm;
import io.resfuse.engine.Operation.FusedConv;
import io.resfuse.engine.Value;
import io.resfuse.engine.cuda.internal.driver.Geometry;
import io.resfuse.engine.cuda.internal.emit.Convolutions;
import io.resfuse.engine.cuda.internal.emit.NormalizationGradients;
import io.resfuse.engine.cuda.internal.emit.Normalizations;
import io.resfuse.engine.cuda.internal.emit.Operand;
import io.resfuse.engine.cuda.internal.emit.WeightGradients;
import io.resfuse.engine.cuda.internal.kernels.Mask;
import io.resfuse.engine.cuda.internal.layout.Activation;
import io.resfuse.engine.cuda.internal.layout.ConvolutionShape;
import io.resfuse.engine.cuda.internal.program.Buffer;
import io.resfuse.engine.cuda.internal.program.Program;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Convolutions and batch norms by our kernels. A convolution before a batch norm stores its raw
 * result and the statistics of it; what follows is done by the readers on the way in where they can
 * ({@link TrainingState#isVirtual}), else by one pass. On the way back, the kernel that adds the
 * last contribution to the gradient of a norm's result masks it and takes its sums; where a
 * projection's norm was added, also that one's, and one pass goes back through both.
 */
public final class KernelTraining implements TrainingConvolutions {
  private static final int BYTES_PER_BYTE_OF_BITS = 16;

  private final TrainingState state;
  private final Convolutions convolutions;
  private final WeightGradients weightGradients;
  private final Normalizations normalizations;
  private final NormalizationGradients gradientsOfNorms;
  private final InferenceConvolutions inference;

  public KernelTraining(TrainingState state) {
    this.state = state;
    this.convolutions = new Convolutions(state.emission());
    this.weightGradients = new WeightGradients(state.emission());
    this.normalizations = new Normalizations(state.emission());
    this.gradientsOfNorms = new NormalizationGradients(state.emission());
    this.inference = new KernelInference(state.emission());
  }

  @Override
  public InferenceConvolutions inference() {
    return inference;
  }

  @Override
  public void addWithStatistics(Program program, FusedConv conv) {
    BatchNorm batchNorm = conv.batchNorm();
    Normalizations.Norm norm = state.norms().of(conv, batchNorm);
    Activation shape = state.shapes().of(conv.output());
    ConvolutionShape convolution = state.layouts().shape(conv, state.shapes());
    int rowsPerTile = convolutions.rowsOfStatistics(convolution);
    int tiles = Geometry.ceilDiv(shape.rows(), rowsPerTile);
    Buffer statistics = program.timeline().workspace(2L * Float.BYTES * norm.channels() * tiles);
    Buffer raw = program.timeline().activation(state.bytes(conv.output()));
    Buffer bias = conv.bias() == null ? null : state.parameters().master(conv.bias());
    boolean ends = convolutions.endsBatch(convolution);
    convolutions.forward(
        program,
        convolution,
        state.operand(conv.input()),
        state.parameters().stored(conv.weight()),
        new Convolutions.Epilogue(null, bias, null, false),
        raw,
        new Convolutions.Statistics(statistics, ends ? norm : null));
    if (!ends) {
      normalizations.finalizeBatch(program, norm, statistics, shape.rows(), rowsPerTile);
    }
    state.keep(conv, raw);
    if (state.isVirtual(conv)) {
      Operand.Affine affine = new Operand.Affine(norm.scale(), norm.bias(), conv.relu());
      state.setOperand(conv.output(), new Operand(raw, affine));
      return;
    }
    normalise(program, conv, raw);
  }

  /** Writes a value from the raw result, with the scale and bias of the batch. */
  public void normalise(Program program, FusedConv conv, Buffer raw) {
    Normalizations.Norm norm = state.norms().of(conv, conv.batchNorm());
    Operand.Affine affine = new Operand.Affine(norm.scale(), norm.bias(), conv.relu());
    Operand residual = conv.residual() == null ? null : state.operand(conv.residual());
    Buffer output = state.result(program, conv.output());
    Buffer bits = null;
    if (conv.relu() && state.wantsGradient(conv.output())) {
      bits = program.timeline().activation(state.bytes(conv.output()) / BYTES_PER_BYTE_OF_BITS);
      state.keepBits(conv, bits);
    }
    normalizations.apply(
        program,
        conv.name() + " batch norm",
        state.shapes().of(conv.output()),
        new Operand(raw, affine),
        residual,
        output,
        bits);
  }

  @Override
  public Buffer throughBatchNorm(Program program, Gradients gradients, FusedConv conv) {
    Buffer computed = gradients.computed(conv);
    if (computed != null) {
      return computed;
    }
    BatchNorm batchNorm = conv.batchNorm();
    Normalizations.Norm norm = state.norms().of(conv, batchNorm);
    NormalizationGradients.Coefficients coefficients = gradients.completed(conv.output());
    FusedConv added = coefficients == null ? null : normAdded(conv);
    if (added != null) {
      return throughBoth(program, gradients, conv, added);
    }
    Mask mask = coefficients == null ? mask(conv) : Mask.NONE;
    NormalizationGradients.Backward backward =
        new NormalizationGradients.Backward(
            conv.name(),
            state.shapes().of(conv.output()),
            gradients.present(conv.output()),
            state.kept(conv),
            mask,
            null,
            mask == Mask.BITS ? state.bits(conv) : null);
    if (coefficients == null) {
      NormalizationGradients.Results results = results(program, conv);
      gradientsOfNorms.backwardStatistics(program, backward, norm, results);
      coefficients = results.coefficients();
    }
    return gradients.apply(conv, backward, norm, coefficients);
  }

  /** Through a norm and the one that was added to it: their gradient is complete, and the same. */
  private Buffer throughBoth(
      Program program, Gradients gradients, FusedConv conv, FusedConv added) {
    Buffer gradient = gradients.present(conv.output());
    Buffer result = program.timeline().activation(state.bytes(conv.output()));
    gradientsOfNorms.backwardApplyBoth(
        program,
        conv.name(),
        state.shapes().of(conv.output()),
        gradient,
        new NormalizationGradients.Way(
            state.kept(conv), gradients.completed(conv.output()), result),
        new NormalizationGradients.Way(
            state.kept(added), gradients.completed(added.output()), gradient));
    gradients.computed(added, gradient);
    return result;
  }

  /** Where what follows from the sums of a norm's gradient goes. */
  private NormalizationGradients.Results results(Program program, FusedConv conv) {
    BatchNorm batchNorm = conv.batchNorm();
    Normalizations.Norm norm = state.norms().of(conv, batchNorm);
    long vector = (long) norm.channels() * Float.BYTES;
    return new NormalizationGradients.Results(
        state.parameters().gradient(batchNorm.gamma()),
        state.parameters().gradient(batchNorm.beta()),
        new NormalizationGradients.Coefficients(
            program.timeline().workspace(vector),
            program.timeline().workspace(vector),
            program.timeline().workspace(vector),
            norm.mean()));
  }

  private Mask mask(FusedConv conv) {
    if (!conv.relu()) {
      return Mask.NONE;
    }
    return state.bits(conv) == null ? Mask.INPUT : Mask.BITS;
  }

  @Override
  public void weightGradient(Program program, Layer layer, Buffer outputGradient, Buffer gradient) {
    weightGradients.add(
        program, layer.shape(), state.operand(layer.input()), outputGradient, gradient);
  }

  @Override
  public void inputGradient(
      Program program, Layer layer, Buffer outputGradient, Gradients gradients) {
    Value value = layer.input();
    Buffer transposed = state.transposed(layer.operation());
    Operation.Window window = layer.shape().window();
    if (window.kernel() == 1
        && window.stride() > 1
        && window.padding() == 0
        && gradients.maySparselyBegin(value)) {
      Activation shape = Convolutions.sparseInput(layer.shape());
      Buffer sparse = program.timeline().activation(shape.bytes(state.emission().type()));
      convolutions.sparseInputGradient(program, layer.shape(), outputGradient, transposed, sparse);
      gradients.beginSparsely(value, new Convolutions.Contribution(sparse, window.stride()));
      return;
    }
    Convolutions.Contribution before = gradients.before(value);
    Buffer target = gradients.target(value).buffer();
    FusedConv behind = gradients.completes(value) ? normBehind(value) : null;
    FusedConv added = behind == null ? null : normAdded(behind);
    Convolutions.NormBehind norm = behind == null ? null : norm(program, behind, added);
    List<NormalizationGradients.Sums> sums =
        convolutions.inputGradient(
            program, layer.shape(), outputGradient, transposed, target, before, norm);
    Convolutions.NormBehind of = norm;
    for (NormalizationGradients.Sums each : sums) {
      gradientsOfNorms.backwardStatistics(
          program, state.shapes().of(value), each, of.norm(), of.results());
      of = of.added();
    }
    if (norm != null) {
      gradients.complete(value, norm.results().coefficients());
    }
    if (added != null) {
      gradients.complete(added.output(), norm.added().results().coefficients());
    }
  }

  private Convolutions.NormBehind norm(Program program, FusedConv conv, @Nullable FusedConv added) {
    return new Convolutions.NormBehind(
        state.norms().of(conv, conv.batchNorm()),
        state.kept(conv),
        mask(conv),
        state.bits(conv),
        results(program, conv),
        added == null ? null : norm(program, added, null));
  }

  /**
   * The convolution, a projection, whose batch norm's result was added to that of another before
   * the ReLU and went nowhere else: the gradient of both results is the same. Or null.
   */
  private @Nullable FusedConv normAdded(FusedConv conv) {
    Value residual = conv.residual();
    if (residual == null
        || !state.wantsGradient(residual)
        || state.shapes().isOutput(residual)
        || state.shapes().readers(residual).size() > 1) {
      return null;
    }
    FusedConv added = normBehind(residual);
    return added == null || added.relu() || added.residual() != null ? null : added;
  }

  /** The convolution whose batch norm, with the batch's statistics, gave a value; or null. */
  private @Nullable FusedConv normBehind(Value value) {
    return state.shapes().producer(value) instanceof FusedConv conv
            && state.takesBatchStatistics(conv)
        ? conv
        : null;
  }

  /** There is nothing to free. */
  @Override
  public void close() {}
}
