package io.resfuse.engine.cuda.internal.emit;

import io.resfuse.engine.Operation.SqueezeExcite;
import io.resfuse.engine.cuda.internal.driver.Geometry;
import io.resfuse.engine.cuda.internal.kernels.GateHidden;
import io.resfuse.engine.cuda.internal.kernels.GateHiddenBackward;
import io.resfuse.engine.cuda.internal.kernels.GateMeanBackward;
import io.resfuse.engine.cuda.internal.kernels.GateScale;
import io.resfuse.engine.cuda.internal.kernels.GateSigmoid;
import io.resfuse.engine.cuda.internal.kernels.GateSqueeze;
import io.resfuse.engine.cuda.internal.kernels.GateWeightGradient;
import io.resfuse.engine.cuda.internal.layout.Activation;
import io.resfuse.engine.cuda.internal.layout.Shapes;
import io.resfuse.engine.cuda.internal.program.Buffer;
import io.resfuse.engine.cuda.internal.program.Program;
import org.jspecify.annotations.Nullable;

/** Adds squeeze and excitation to programs, forward and backward. */
public final class Gates {
  private static final int THREADS = 256;
  private static final int WARPS = THREADS / 32;
  private static final int MOST_VECTORS = 32;

  /** Slices of the pixels depend on one image only, so that its bits do not on the batch. */
  private static final int MOST_SLICES = 16;

  private static final int LEAST_PIXELS_PER_SLICE = 256;

  /** Pixels that a thread scales, if blocks are not to be too many. */
  private static final int PIXELS_PER_THREAD = 8;

  private static final int MOST_BLOCKS = 65535;

  private final Emission emission;

  public Gates(Emission emission) {
    this.emission = emission;
  }

  /**
   * The sizes of an operation.
   *
   * @param name for messages
   * @param shape of its input and output
   * @param valid channels without padding
   * @param reduced channels between the products
   * @param relu whether a ReLU ends it
   */
  public record Sizes(String name, Activation shape, int valid, int reduced, boolean relu) {
    public static Sizes of(SqueezeExcite operation, Shapes shapes) {
      return new Sizes(
          operation.name(),
          shapes.of(operation.input()),
          operation.input().channels(),
          operation.reduced(),
          operation.relu());
    }

    private int images() {
      return shape.images();
    }

    private int pixels() {
      return shape.height() * shape.width();
    }

    private int channels() {
      return shape.pitch();
    }

    /** Bytes of a float for each channel, with padding, of each image. */
    private long channelBytes() {
      return (long) images() * channels() * Float.BYTES;
    }

    private long reducedBytes() {
      return (long) images() * reduced * Float.BYTES;
    }

    private int pixelsPerSlice() {
      int slices = Math.min(MOST_SLICES, Geometry.ceilDiv(pixels(), LEAST_PIXELS_PER_SLICE));
      return Geometry.ceilDiv(pixels(), slices);
    }

    private int slices() {
      return Geometry.ceilDiv(pixels(), pixelsPerSlice());
    }
  }

  /**
   * The parameters, floats in the order of a file, or their gradients: null where these are not
   * wanted.
   *
   * @param reduceWeight (reduced, channels)
   * @param reduceBias (reduced)
   * @param expandWeight (channels, reduced)
   * @param expandBias (channels)
   */
  public record Weights(
      @Nullable Buffer reduceWeight,
      @Nullable Buffer reduceBias,
      @Nullable Buffer expandWeight,
      @Nullable Buffer expandBias) {}

  /**
   * What the backward pass needs of the forward pass, floats.
   *
   * @param mean per image and channel
   * @param hidden per image and reduced channel
   * @param gate per image and channel
   */
  public record State(Buffer mean, Buffer hidden, Buffer gate) {}

  /**
   * The forward pass.
   *
   * @param residual added before the ReLU, may be the output; or null
   * @return what the backward pass needs; free after the pass where nobody asks for it again
   */
  public State forward(
      Program program,
      Sizes sizes,
      Buffer input,
      Weights weights,
      @Nullable Buffer residual,
      Buffer output) {
    State state =
        new State(
            program.timeline().activation(sizes.channelBytes()),
            program.timeline().activation(sizes.reducedBytes()),
            program.timeline().activation(sizes.channelBytes()));
    Buffer partials = squeeze(program, "gateSqueeze", sizes, input, null, null);
    program.launch(
        emission.kernel("gateHidden", GateHidden.class),
        sizes.name() + " hidden values",
        perHidden(sizes),
        at ->
            new GateHidden(
                at.of(partials),
                at.of(weights.reduceWeight()),
                at.of(weights.reduceBias()),
                at.of(state.mean()),
                at.of(state.hidden()),
                sizes.images(),
                sizes.pixels(),
                sizes.channels(),
                sizes.valid(),
                sizes.reduced(),
                sizes.slices()));
    program.launch(
        emission.kernel("gateSigmoid", GateSigmoid.class),
        sizes.name() + " gates",
        perChannel(sizes),
        at ->
            new GateSigmoid(
                at.of(state.hidden()),
                at.of(weights.expandWeight()),
                at.of(weights.expandBias()),
                at.of(state.gate()),
                sizes.images(),
                sizes.channels(),
                sizes.valid(),
                sizes.reduced()));
    scale(program, sizes.name(), sizes, input, state.gate(), null, residual, output, sizes.relu());
    return state;
  }

  /**
   * The backward pass up to the gradients of parameters, which are added to what is there if the
   * binding accumulates, and the means.
   *
   * @param input of the forward pass
   * @param output of the forward pass
   * @param gradient of the output; is left masked by the ReLU
   * @param gradients of the parameters
   * @return what {@link #inputGradient} adds to each pixel
   */
  public Buffer backward(
      Program program,
      Sizes sizes,
      Buffer input,
      Buffer output,
      Buffer gradient,
      State state,
      Weights weights,
      Weights gradients) {
    Buffer logits = program.timeline().activation(sizes.channelBytes());
    Buffer hidden = program.timeline().activation(sizes.reducedBytes());
    Buffer means = program.timeline().activation(sizes.channelBytes());
    Buffer mask = sizes.relu() ? output : null;
    Buffer partials = squeeze(program, "gateSqueezeBackward", sizes, input, mask, gradient);
    program.launch(
        emission.kernel("gateHiddenBackward", GateHiddenBackward.class),
        sizes.name() + " gradient of the hidden values",
        perHidden(sizes),
        at ->
            new GateHiddenBackward(
                at.of(partials),
                at.of(state.gate()),
                at.of(state.hidden()),
                at.of(weights.expandWeight()),
                at.of(logits),
                at.of(hidden),
                sizes.images(),
                sizes.channels(),
                sizes.valid(),
                sizes.reduced(),
                sizes.slices()));
    program.launch(
        emission.kernel("gateMeanBackward", GateMeanBackward.class),
        sizes.name() + " gradient of the means",
        perChannel(sizes),
        at ->
            new GateMeanBackward(
                at.of(hidden),
                at.of(weights.reduceWeight()),
                at.of(means),
                sizes.images(),
                sizes.pixels(),
                sizes.channels(),
                sizes.valid(),
                sizes.reduced()));
    new ProductGradient(
            sizes.name() + " gradient of the second product",
            logits,
            sizes.valid(),
            sizes.channels(),
            state.hidden(),
            sizes.reduced(),
            sizes.reduced())
        .add(emission, program, sizes, gradients.expandWeight(), gradients.expandBias());
    new ProductGradient(
            sizes.name() + " gradient of the first product",
            hidden,
            sizes.reduced(),
            sizes.reduced(),
            state.mean(),
            sizes.valid(),
            sizes.channels())
        .add(emission, program, sizes, gradients.reduceWeight(), gradients.reduceBias());
    return means;
  }

  /**
   * The gradient of the input.
   *
   * @param gradient that {@link #backward} has masked
   * @param means what that has returned
   * @param target may be {@code gradient} if nothing is added
   * @param accumulate whether it is added to what is there
   */
  public void inputGradient(
      Program program,
      Sizes sizes,
      Buffer gradient,
      State state,
      Buffer means,
      Buffer target,
      boolean accumulate) {
    Buffer present = accumulate ? target : null;
    String label = sizes.name() + " gradient";
    scale(program, label, sizes, gradient, state.gate(), means, present, target, false);
  }

  private record ProductGradient(
      String label,
      Buffer gradient,
      int outputs,
      int gradientPitch,
      Buffer input,
      int inputs,
      int inputPitch) {
    void add(
        Emission emission,
        Program program,
        Sizes sizes,
        @Nullable Buffer weight,
        @Nullable Buffer bias) {
      if (weight == null && bias == null) {
        return;
      }
      long blocks = ((long) outputs * inputs + THREADS - 1) / THREADS;
      program.launch(
          emission.kernel("gateWeightGradient", GateWeightGradient.class),
          label,
          Geometry.linear(blocks, THREADS),
          at ->
              new GateWeightGradient(
                  at.of(gradient),
                  at.of(input),
                  at.of(weight),
                  at.of(bias),
                  sizes.images(),
                  outputs,
                  inputs,
                  gradientPitch,
                  inputPitch,
                  at.accumulates()));
    }
  }

  private Buffer squeeze(
      Program program,
      String kernel,
      Sizes sizes,
      Buffer input,
      @Nullable Buffer output,
      @Nullable Buffer gradient) {
    Buffer partials = program.timeline().workspace(sizes.slices() * sizes.channelBytes());
    program.launch(
        emission.typedKernel(kernel, GateSqueeze.class),
        sizes.name() + (gradient == null ? " sums" : " gradient of the gates"),
        perVector(sizes, sizes.slices()),
        at ->
            new GateSqueeze(
                at.of(input),
                at.of(output),
                at.of(gradient),
                at.of(partials),
                sizes.images(),
                sizes.pixels(),
                sizes.channels(),
                sizes.pixelsPerSlice()));
    return partials;
  }

  private void scale(
      Program program,
      String label,
      Sizes sizes,
      Buffer input,
      Buffer gate,
      @Nullable Buffer shift,
      @Nullable Buffer residual,
      Buffer output,
      boolean relu) {
    int usual = perVector(sizes, 1).blockY() * PIXELS_PER_THREAD;
    int pixels = Math.max(usual, Geometry.ceilDiv(sizes.pixels(), MOST_BLOCKS));
    program.launch(
        emission.typedKernel("gateScale", GateScale.class),
        label,
        perVector(sizes, Geometry.ceilDiv(sizes.pixels(), pixels)),
        at ->
            new GateScale(
                at.of(input),
                at.of(gate),
                at.of(shift),
                at.of(residual),
                at.of(output),
                sizes.images(),
                sizes.pixels(),
                sizes.channels(),
                pixels,
                relu ? 1 : 0));
  }

  private Geometry perVector(Sizes sizes, int slices) {
    int vectors = sizes.channels() / emission.vector();
    int x = Math.min(MOST_VECTORS, vectors);
    return new Geometry(Geometry.ceilDiv(vectors, x), sizes.images(), slices, x, THREADS / x, 0);
  }

  private static Geometry perHidden(Sizes sizes) {
    int blocks = Geometry.ceilDiv(sizes.reduced(), WARPS);
    return new Geometry(blocks, sizes.images(), 1, THREADS, 1, 0);
  }

  private static Geometry perChannel(Sizes sizes) {
    int blocks = Geometry.ceilDiv(sizes.channels(), THREADS);
    return new Geometry(blocks, sizes.images(), 1, THREADS, 1, 0);
  }
}
