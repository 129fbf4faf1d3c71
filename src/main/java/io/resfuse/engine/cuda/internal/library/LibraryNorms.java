package io.resfuse.engine.cuda.internal.library;

import io.resfuse.engine.Operation.BatchNorm;
import io.resfuse.engine.Operation.FusedConv;
import io.resfuse.engine.Value;
import io.resfuse.engine.cuda.internal.backend.Gradients;
import io.resfuse.engine.cuda.internal.backend.TrainingState;
import io.resfuse.engine.cuda.internal.emit.NormalizationGradients;
import io.resfuse.engine.cuda.internal.emit.Normalizations;
import io.resfuse.engine.cuda.internal.emit.Operand;
import io.resfuse.engine.cuda.internal.kernels.Mask;
import io.resfuse.engine.cuda.internal.layout.Activation;
import io.resfuse.engine.cuda.internal.program.Addresses;
import io.resfuse.engine.cuda.internal.program.Buffer;
import io.resfuse.engine.cuda.internal.program.Program;
import io.resfuse.engine.cuda.internal.program.Resources;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Batch norms of a training program by a library, with what follows them; where the library does
 * not add and rectify, kernels of ours do. Not thread-safe.
 */
final class LibraryNorms implements AutoCloseable {
  private final Library library;
  private final TrainingState state;
  private final Normalizations normalizations;
  private final NormalizationGradients gradientsOfNorms;
  private final Map<FusedConv, Kept> norms = new HashMap<>();
  private final Resources resources = new Resources();

  LibraryNorms(Library library, TrainingState state) {
    this.library = library;
    this.state = state;
    this.normalizations = new Normalizations(state.emission());
    this.gradientsOfNorms = new NormalizationGradients(state.emission());
  }

  /** What the backward pass of a batch norm has from its forward pass. */
  private record Kept(PreparedNorm prepared, @Nullable Buffer reserve) {}

  /** Whether the batch norm after a convolution went forward here. */
  boolean has(FusedConv conv) {
    return norms.containsKey(conv);
  }

  /** Writes a value from the raw result. */
  void forward(Program program, FusedConv conv, Activation shape, Buffer raw) {
    BatchNorm batchNorm = conv.batchNorm();
    Normalizations.Norm norm = state.norms().of(conv, batchNorm);
    PreparedNorm prepared = library.prepare(sizes(conv, shape));
    resources.own(prepared, prepared::close);
    long reserved = prepared.reserveBytes();
    Buffer reserve = reserved == 0 ? null : program.timeline().activation(reserved);
    norms.put(conv, new Kept(prepared, reserve));
    Buffer workspace = LibraryInference.workspace(program, prepared.forwardWorkspaceBytes());
    Value added = conv.residual();
    Buffer residual = added == null ? null : state.tensor(added);
    Buffer taken = prepared.isFused() ? residual : null;
    Buffer output = state.result(program, conv.output());
    program.call(
        conv.name() + " batch norm",
        at -> {
          PreparedNorm.NormForward tensors =
              new PreparedNorm.NormForward(
                  at.of(raw), at.of(taken), at.of(output), at.of(reserve), at.of(workspace));
          Library.Channels channels = channels(at, norm);
          return stream -> prepared.forward(stream, tensors, channels);
        });
    if (!prepared.isFused() && hasEpilogue(conv)) {
      int channels = shape.pitch();
      Operand.Affine affine =
          new Operand.Affine(state.ones(channels), state.zeros(channels), conv.relu());
      normalizations.apply(
          program,
          conv.name() + " residual and ReLU",
          shape,
          new Operand(output, affine),
          residual == null ? null : Operand.plain(residual),
          output,
          null);
    }
  }

  /** A batch norm as a library sees it. */
  static Library.BatchNorm sizes(FusedConv conv, Activation shape) {
    BatchNorm batchNorm = conv.batchNorm();
    return new Library.BatchNorm(
        conv.name(),
        shape.images(),
        shape.height(),
        shape.width(),
        shape.pitch(),
        batchNorm.epsilon(),
        batchNorm.momentum(),
        conv.residual() != null,
        conv.relu());
  }

  private static boolean hasEpilogue(FusedConv conv) {
    return conv.relu() || conv.residual() != null;
  }

  /** What a batch norm has per channel, as a library is given it. */
  static Library.Channels channels(Addresses at, Normalizations.Norm norm) {
    return new Library.Channels(
        at.of(norm.gamma()),
        at.of(norm.beta()),
        at.of(norm.runningMean()),
        at.of(norm.runningVariance()),
        at.of(norm.mean()),
        at.of(norm.inverse()));
  }

  /** The gradient of the raw result; gives the residual its own, where it wants one. */
  Buffer backward(Program program, Gradients gradients, FusedConv conv) {
    Kept kept = norms.get(conv);
    Buffer gradient = gradients.present(conv.output());
    boolean isFused = kept.prepared().isFused();
    if (!isFused && conv.relu()) {
      mask(program, conv, gradient);
    }
    Buffer result = program.timeline().activation(state.bytes(conv.output()));
    Buffer forResidual =
        isFused && conv.residual() != null
            ? program.timeline().activation(state.bytes(conv.output()))
            : null;
    addBackward(program, conv, kept, gradient, result, forResidual);
    if (conv.residual() != null && state.wantsGradient(conv.residual())) {
      gradients.give(conv.residual(), forResidual == null ? gradient : forResidual);
    }
    return result;
  }

  /** Masks the gradient in its place. */
  private void mask(Program program, FusedConv conv, Buffer gradient) {
    NormalizationGradients.Backward backward =
        new NormalizationGradients.Backward(
            conv.name(),
            state.shapes().of(conv.output()),
            gradient,
            null,
            Mask.OUTPUT,
            state.tensor(conv.output()),
            null);
    gradientsOfNorms.backwardApply(program, backward, null, null, gradient, null);
  }

  private void addBackward(
      Program program,
      FusedConv conv,
      Kept kept,
      Buffer gradient,
      Buffer result,
      @Nullable Buffer forResidual) {
    BatchNorm batchNorm = conv.batchNorm();
    Normalizations.Norm norm = state.norms().of(conv, batchNorm);
    Buffer raw = state.kept(conv);
    Buffer output = state.tensor(conv.output());
    Buffer gammaGradient =
        wantedOrScratch(program, norm, state.parameters().gradient(batchNorm.gamma()));
    Buffer betaGradient =
        wantedOrScratch(program, norm, state.parameters().gradient(batchNorm.beta()));
    Buffer workspace =
        LibraryInference.workspace(program, kept.prepared().backwardWorkspaceBytes());
    program.call(
        norm.label() + " batch norm backward",
        at -> {
          PreparedNorm.NormBackward tensors =
              new PreparedNorm.NormBackward(
                  at.of(raw),
                  at.of(output),
                  at.of(gradient),
                  at.of(result),
                  at.of(forResidual),
                  at.of(gammaGradient),
                  at.of(betaGradient),
                  at.of(kept.reserve()),
                  at.of(workspace));
          Library.Channels channels = channels(at, norm);
          return stream -> kept.prepared().backward(stream, tensors, channels, at.accumulate());
        });
  }

  /** Libraries write both gradients, whether one of them is frozen or not. */
  private static Buffer wantedOrScratch(
      Program program, Normalizations.Norm norm, @Nullable Buffer wanted) {
    return wanted == null
        ? program.timeline().workspace((long) norm.channels() * Float.BYTES)
        : wanted;
  }

  @Override
  public void close() {
    resources.close();
  }
}
