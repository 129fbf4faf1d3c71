package io.resfuse.engine.cuda.internal.library;

import io.resfuse.engine.Operation;
import io.resfuse.engine.Operation.BatchNorm;
import io.resfuse.engine.Operation.FusedConv;
import io.resfuse.engine.Value;
import io.resfuse.engine.cuda.internal.backend.Gradients;
import io.resfuse.engine.cuda.internal.backend.InferenceConvolutions;
import io.resfuse.engine.cuda.internal.backend.KernelTraining;
import io.resfuse.engine.cuda.internal.backend.Layer;
import io.resfuse.engine.cuda.internal.backend.TrainingConvolutions;
import io.resfuse.engine.cuda.internal.backend.TrainingState;
import io.resfuse.engine.cuda.internal.emit.Conversions;
import io.resfuse.engine.cuda.internal.emit.NormalizationGradients;
import io.resfuse.engine.cuda.internal.emit.Normalizations;
import io.resfuse.engine.cuda.internal.emit.Operand;
import io.resfuse.engine.cuda.internal.kernels.Mask;
import io.resfuse.engine.cuda.internal.layout.ConvolutionShape;
import io.resfuse.engine.cuda.internal.layout.WeightLayout;
import io.resfuse.engine.cuda.internal.program.Addresses;
import io.resfuse.engine.cuda.internal.program.Buffer;
import io.resfuse.engine.cuda.internal.program.Program;
import io.resfuse.engine.cuda.internal.program.Resources;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * Convolutions and batch norms of a training program by a library. Every value is written, and the
 * gradient of a raw result gets a place of its own, as libraries want it. Not thread-safe.
 */
final class LibraryTraining implements TrainingConvolutions {
  private final Library library;
  private final TrainingState state;
  private final LibraryInference inference;
  private final KernelTraining kernels;
  private final Normalizations normalizations;
  private final LibraryNorms norms;
  private final Map<FusedConv, NormalizationGradients.Coefficients> ready = new HashMap<>();
  private final Resources resources = new Resources();

  LibraryTraining(Library library, TrainingState state) {
    this.library = library;
    this.state = state;
    this.inference = new LibraryInference(library, state.emission(), true);
    resources.own(inference, inference::close);
    this.kernels = new KernelTraining(state);
    this.normalizations = new Normalizations(state.emission());
    this.norms = new LibraryNorms(library, state);
    resources.own(norms, norms::close);
  }

  @Override
  public InferenceConvolutions inference() {
    return inference;
  }

  @Override
  public void addWithStatistics(Program program, FusedConv conv) {
    ConvolutionShape shape = state.layouts().shape(conv, state.shapes());
    Buffer raw = program.timeline().activation(state.bytes(conv.output()));
    state.keep(conv, raw);
    Optional<PreparedStatistics> prepared =
        conv.bias() == null
            ? library.prepare(
                LibraryInference.sizes(shape, false, false, false),
                LibraryNorms.sizes(conv, shape.output()))
            : Optional.empty();
    if (prepared.isPresent()) {
      resources.own(prepared.get(), prepared.get()::close);
      convolve(program, conv, prepared.get(), raw);
      kernels.normalise(program, conv, raw);
    } else {
      convolve(program, conv, shape, raw);
      norms.forward(program, conv, shape.output(), raw);
    }
  }

  private void convolve(Program program, FusedConv conv, PreparedStatistics prepared, Buffer raw) {
    Normalizations.Norm norm = state.norms().of(conv, conv.batchNorm());
    Buffer input = state.tensor(conv.input());
    Buffer weights = state.parameters().stored(conv.weight());
    Buffer workspace = LibraryInference.workspace(program, prepared.workspaceBytes());
    program.call(
        conv.name() + " forward with statistics",
        at -> {
          PreparedStatistics.Statistics tensors =
              new PreparedStatistics.Statistics(
                  at.of(input),
                  at.of(weights),
                  at.of(raw),
                  at.of(norm.scale()),
                  at.of(norm.bias()),
                  at.of(workspace));
          Library.Channels channels = LibraryNorms.channels(at, norm);
          return stream -> prepared.run(stream, tensors, channels);
        });
  }

  private void convolve(Program program, FusedConv conv, ConvolutionShape shape, Buffer raw) {
    multiply(
        program,
        Library.Product.OUTPUT,
        shape,
        state.tensor(conv.input()),
        state.parameters().stored(conv.weight()),
        raw,
        at -> false);
    if (conv.bias() != null) {
      Buffer bias = state.parameters().master(conv.bias());
      Operand.Affine affine = new Operand.Affine(state.ones(shape.output().pitch()), bias, false);
      normalizations.apply(
          program,
          conv.name() + " bias",
          shape.output(),
          new Operand(raw, affine),
          null,
          raw,
          null);
    }
  }

  @Override
  public Buffer throughBatchNorm(Program program, Gradients gradients, FusedConv conv) {
    NormalizationGradients.Coefficients coefficients = ready.get(conv);
    if (coefficients != null) {
      return applied(gradients, conv, coefficients);
    }
    return norms.has(conv)
        ? norms.backward(program, gradients, conv)
        : kernels.throughBatchNorm(program, gradients, conv);
  }

  /** The gradient is masked, and the coefficients are there. */
  private Buffer applied(
      Gradients gradients, FusedConv conv, NormalizationGradients.Coefficients coefficients) {
    NormalizationGradients.Backward backward =
        new NormalizationGradients.Backward(
            conv.name(),
            state.shapes().of(conv.output()),
            gradients.present(conv.output()),
            state.kept(conv),
            Mask.NONE,
            null,
            null);
    return gradients.apply(conv, backward, null, coefficients);
  }

  /**
   * {@inheritDoc}
   *
   * <p>Groups whose channels leave gaps are one dense convolution to the library, whose gradient
   * would have weights between the groups: these are left to our kernels.
   */
  @Override
  public void weightGradient(Program program, Layer layer, Buffer outputGradient, Buffer gradient) {
    WeightLayout layout = layer.shape().weights();
    if (layout.packing().groupsPerPack() > 1) {
      kernels.weightGradient(program, layer, outputGradient, gradient);
      return;
    }
    Buffer input = state.tensor(layer.input());
    boolean direct = !state.parameters().hasStoredCopy();
    int bytes = state.emission().type().bytes();
    Buffer stored = direct ? gradient : program.timeline().workspace(layout.elements() * bytes);
    multiply(
        program,
        Library.Product.WEIGHT_GRADIENT,
        layer.shape(),
        input,
        stored,
        outputGradient,
        at -> direct && at.accumulate());
    if (!direct) {
      new Conversions(state.emission())
          .widen(
              program, layer.shape().name() + " gradient of the weights", layout, stored, gradient);
    }
  }

  @Override
  public void inputGradient(
      Program program, Layer layer, Buffer outputGradient, Gradients gradients) {
    Gradients.Target target = gradients.target(layer.input());
    FusedConv before = target.accumulate() ? null : normBefore(layer);
    PreparedWayBack prepared =
        before == null
            ? null
            : library
                .prepareWayBack(
                    LibraryInference.sizes(layer.shape(), false, false, false),
                    LibraryNorms.sizes(before, layer.shape().input()))
                .orElse(null);
    if (prepared != null) {
      resources.own(prepared, prepared::close);
      wayBack(program, layer, before, prepared, outputGradient, target.buffer());
      return;
    }
    multiply(
        program,
        Library.Product.INPUT_GRADIENT,
        layer.shape(),
        target.buffer(),
        state.parameters().stored(layer.weight()),
        outputGradient,
        at -> target.accumulate());
  }

  /**
   * The convolution whose batch norm and ReLU wrote what a layer reads, if nobody else reads it and
   * kernels of ours go back through it.
   */
  private @Nullable FusedConv normBefore(Layer layer) {
    Value value = layer.input();
    if (state.shapes().isOutput(value) || state.shapes().readers(value).size() != 1) {
      return null;
    }
    for (Operation operation : state.shapes().network().operations()) {
      if (operation instanceof FusedConv conv && conv.output().equals(value)) {
        boolean fits = conv.relu() && state.takesBatchStatistics(conv) && !norms.has(conv);
        return fits ? conv : null;
      }
    }
    return null;
  }

  private void wayBack(
      Program program,
      Layer layer,
      FusedConv before,
      PreparedWayBack prepared,
      Buffer outputGradient,
      Buffer masked) {
    BatchNorm batchNorm = before.batchNorm();
    Normalizations.Norm norm = state.norms().of(before, batchNorm);
    Buffer weights = state.parameters().stored(layer.weight());
    Buffer raw = state.kept(before);
    Buffer residual = before.residual() == null ? null : state.tensor(before.residual());
    Buffer gammaGradient = state.parameters().gradient(batchNorm.gamma());
    Buffer betaGradient = state.parameters().gradient(batchNorm.beta());
    long vector = (long) norm.channels() * Float.BYTES;
    Buffer gradientScale = program.timeline().workspace(vector);
    Buffer rawScale = program.timeline().workspace(vector);
    Buffer constant = program.timeline().workspace(vector);
    Buffer workspace = LibraryInference.workspace(program, prepared.workspaceBytes());
    program.call(
        layer.shape().name() + " and " + norm.label() + " backward",
        at -> {
          PreparedWayBack.WayBack tensors =
              new PreparedWayBack.WayBack(
                  at.of(outputGradient),
                  at.of(weights),
                  at.of(raw),
                  at.of(residual),
                  at.of(masked),
                  at.of(gammaGradient),
                  at.of(betaGradient),
                  at.of(gradientScale),
                  at.of(rawScale),
                  at.of(constant),
                  at.of(workspace));
          Library.Channels channels = LibraryNorms.channels(at, norm);
          return stream -> prepared.run(stream, tensors, channels, at.accumulate());
        });
    ready.put(
        before,
        new NormalizationGradients.Coefficients(
            gradientScale, rawScale, constant, state.zeros(norm.channels())));
  }

  private void multiply(
      Program program,
      Library.Product product,
      ConvolutionShape shape,
      Buffer input,
      Buffer weights,
      Buffer output,
      Predicate<Addresses> accumulates) {
    PreparedProduct prepared =
        library.prepare(product, LibraryInference.sizes(shape, false, false, false));
    resources.own(prepared, prepared::close);
    Buffer workspace = LibraryInference.workspace(program, prepared.workspaceBytes());
    program.call(
        shape.name() + " " + product,
        at -> {
          PreparedProduct.Tensors tensors =
              new PreparedProduct.Tensors(
                  at.of(input), at.of(weights), at.of(output), at.of(workspace));
          boolean accumulate = accumulates.test(at);
          return stream -> prepared.run(stream, tensors, accumulate);
        });
  }

  @Override
  public void close() {
    resources.close();
  }
}
