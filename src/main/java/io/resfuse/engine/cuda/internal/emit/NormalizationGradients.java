package io.resfuse.engine.cuda.internal.emit;

import io.resfuse.engine.cuda.internal.driver.Geometry;
import io.resfuse.engine.cuda.internal.kernels.BatchNormBackwardApply;
import io.resfuse.engine.cuda.internal.kernels.BatchNormBackwardApplyBoth;
import io.resfuse.engine.cuda.internal.kernels.BatchNormBackwardFinalize;
import io.resfuse.engine.cuda.internal.kernels.BatchNormBackwardReduce;
import io.resfuse.engine.cuda.internal.kernels.Mask;
import io.resfuse.engine.cuda.internal.layout.Activation;
import io.resfuse.engine.cuda.internal.program.Buffer;
import io.resfuse.engine.cuda.internal.program.Program;
import org.jspecify.annotations.Nullable;

/** Adds the way back through batch norms, ReLUs and biases to programs. */
public final class NormalizationGradients {
  private static final int MOST_REDUCE_BLOCKS = 512;

  private final Emission emission;

  public NormalizationGradients(Emission emission) {
    this.emission = emission;
  }

  /**
   * What the backward pass of a batch norm, or of what stands in its place, reads.
   *
   * @param label for messages
   * @param shape of all tensors
   * @param gradient of the result
   * @param raw the convolution's result; null where neither statistics nor mask need it
   * @param mask which elements of the gradient pass the ReLU
   * @param output the result, for {@link Mask#OUTPUT}
   * @param bits of the result, for {@link Mask#BITS}
   */
  public record Backward(
      String label,
      Activation shape,
      Buffer gradient,
      @Nullable Buffer raw,
      Mask mask,
      @Nullable Buffer output,
      @Nullable Buffer bits) {}

  /**
   * Sums of a masked gradient, and of it times the normalised input, of parts of the rows.
   *
   * @param partials floats, [block][2][channels]
   * @param blocks parts of the rows
   */
  public record Sums(Buffer partials, int blocks) {}

  /**
   * The coefficients of the input's gradient, {@code a g + b (input - mean) + c}, floats per
   * channel.
   *
   * @param a of the masked gradient
   * @param b of the centred input, or null
   * @param c constant, or null
   * @param mean by which the input is centred, or null
   */
  public record Coefficients(
      Buffer a, @Nullable Buffer b, @Nullable Buffer c, @Nullable Buffer mean) {
    /** Of the masked gradient only. */
    public static Coefficients of(Buffer a) {
      return new Coefficients(a, null, null, null);
    }
  }

  /**
   * What follows from the sums of a gradient.
   *
   * @param dGamma gradient of gamma, or null: not wanted
   * @param dBeta gradient of beta, or null: not wanted
   * @param coefficients of the input's gradient
   */
  public record Results(
      @Nullable Buffer dGamma, @Nullable Buffer dBeta, Coefficients coefficients) {}

  /** What follows from the sums of a gradient, which are taken here. */
  public void backwardStatistics(
      Program program, Backward backward, Normalizations.Norm norm, Results results) {
    backwardStatistics(program, backward.shape(), reduce(program, backward, norm), norm, results);
  }

  /** What follows from the sums of a gradient. */
  public void backwardStatistics(
      Program program, Activation shape, Sums sums, Normalizations.Norm norm, Results results) {
    finalizeBackward(
        program,
        norm.label() + " gradients of gamma and beta",
        shape,
        sums,
        norm,
        results.dGamma(),
        results.dBeta(),
        results.coefficients());
  }

  /** The gradient of a bias that is added last: the sum over rows. */
  public void biasGradient(
      Program program, String label, Activation shape, Buffer gradient, Buffer dBias) {
    Backward backward = new Backward(label, shape, gradient, null, Mask.NONE, null, null);
    Sums sums = reduce(program, backward, null);
    finalizeBackward(
        program, label + " gradient of the bias", shape, sums, null, null, dBias, null);
  }

  private int rowsPerBlock(Activation shape) {
    int least = emission.toolkit().thresholds().rowsPerSum();
    return Math.max(least, Geometry.ceilDiv(shape.rows(), MOST_REDUCE_BLOCKS));
  }

  private Sums reduce(Program program, Backward backward, Normalizations.@Nullable Norm norm) {
    Activation shape = backward.shape();
    int blocks = Geometry.ceilDiv(shape.rows(), rowsPerBlock(shape));
    Buffer partials = program.timeline().workspace(2L * Float.BYTES * shape.pitch() * blocks);
    Buffer mean = norm == null ? null : norm.mean();
    Buffer inverse = norm == null ? null : norm.inverse();
    Buffer scale = norm == null ? null : norm.scale();
    Buffer bias = norm == null ? null : norm.bias();
    Geometry block = PerChannel.block(emission, shape.pitch());
    program.launch(
        emission.typedKernel("batchNormBackwardReduce", BatchNormBackwardReduce.class),
        backward.label() + " sums of the gradient",
        new Geometry(blocks, block.gridY(), 1, block.blockX(), block.blockY(), 0),
        at ->
            new BatchNormBackwardReduce(
                at.of(backward.gradient()),
                at.of(backward.raw()),
                at.of(backward.bits()),
                at.of(mean),
                at.of(inverse),
                at.of(scale),
                at.of(bias),
                at.of(partials),
                shape.rows(),
                shape.pitch(),
                rowsPerBlock(shape),
                backward.mask().number()));
    return new Sums(partials, blocks);
  }

  private void finalizeBackward(
      Program program,
      String label,
      Activation shape,
      Sums sums,
      Normalizations.@Nullable Norm norm,
      @Nullable Buffer dGamma,
      @Nullable Buffer dBeta,
      @Nullable Coefficients coefficients) {
    Buffer gamma = norm == null ? null : norm.gamma();
    Buffer inverse = norm == null ? null : norm.inverse();
    Buffer a = coefficients == null ? null : coefficients.a();
    Buffer b = coefficients == null ? null : coefficients.b();
    Buffer c = coefficients == null ? null : coefficients.c();
    program.launch(
        emission.kernel("batchNormBackwardFinalize", BatchNormBackwardFinalize.class),
        label,
        PerChannel.grid(1, shape.pitch()),
        at ->
            new BatchNormBackwardFinalize(
                at.of(sums.partials()),
                at.of(gamma),
                at.of(inverse),
                at.of(dGamma),
                at.of(dBeta),
                at.of(a),
                at.of(b),
                at.of(c),
                shape.pitch(),
                sums.blocks(),
                shape.rows(),
                at.accumulates()));
  }

  /**
   * The gradient of the input, and the masked gradient where that is wanted; either may take the
   * place of the gradient.
   *
   * @param norm whose scale and bias the mask needs, or null
   * @param coefficients null: the gradient of the input is the masked gradient
   */
  public void backwardApply(
      Program program,
      Backward backward,
      Normalizations.@Nullable Norm norm,
      @Nullable Coefficients coefficients,
      Buffer inputGradient,
      @Nullable Buffer maskedGradient) {
    Activation shape = backward.shape();
    Buffer a = coefficients == null ? null : coefficients.a();
    Buffer b = coefficients == null ? null : coefficients.b();
    Buffer c = coefficients == null ? null : coefficients.c();
    Buffer mean = coefficients == null ? null : coefficients.mean();
    Buffer scale = norm == null ? null : norm.scale();
    Buffer bias = norm == null ? null : norm.bias();
    program.launch(
        emission.typedKernel("batchNormBackwardApply", BatchNormBackwardApply.class),
        backward.label() + " gradient of the convolution's result",
        PerChannel.elementwise(emission, shape),
        at ->
            new BatchNormBackwardApply(
                at.of(backward.gradient()),
                at.of(backward.raw()),
                at.of(backward.output()),
                at.of(backward.bits()),
                at.of(a),
                at.of(b),
                at.of(c),
                at.of(mean),
                at.of(scale),
                at.of(bias),
                at.of(inputGradient),
                at.of(maskedGradient),
                shape.rows(),
                shape.pitch(),
                backward.mask().number()));
  }

  /**
   * One of two batch norms whose results were added.
   *
   * @param raw what it normalised
   * @param coefficients of its input's gradient, all of them
   * @param inputGradient where that goes; in one of both it may take the place of the gradient
   */
  public record Way(Buffer raw, Coefficients coefficients, Buffer inputGradient) {}

  /**
   * The gradients of the inputs of both, as {@link #backwardApply} gives each.
   *
   * @param gradient of the sum, masked
   */
  public void backwardApplyBoth(
      Program program, String label, Activation shape, Buffer gradient, Way one, Way added) {
    Coefficients first = one.coefficients();
    Coefficients second = added.coefficients();
    program.launch(
        emission.typedKernel("batchNormBackwardApplyBoth", BatchNormBackwardApplyBoth.class),
        label + " gradients of both convolutions' results",
        PerChannel.elementwise(emission, shape),
        at ->
            new BatchNormBackwardApplyBoth(
                at.of(gradient),
                at.of(one.raw()),
                at.of(added.raw()),
                at.of(first.a()),
                at.of(first.b()),
                at.of(first.c()),
                at.of(first.mean()),
                at.of(second.a()),
                at.of(second.b()),
                at.of(second.c()),
                at.of(second.mean()),
                at.of(one.inputGradient()),
                at.of(added.inputGradient()),
                shape.rows(),
                shape.pitch()));
  }
}
