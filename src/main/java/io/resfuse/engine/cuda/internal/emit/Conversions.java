package io.resfuse.engine.cuda.internal.emit;

import io.resfuse.engine.cuda.internal.driver.Geometry;
import io.resfuse.engine.cuda.internal.kernels.Cast;
import io.resfuse.engine.cuda.internal.kernels.Pack;
import io.resfuse.engine.cuda.internal.kernels.SubsampledIdentity;
import io.resfuse.engine.cuda.internal.kernels.TransposeWeights;
import io.resfuse.engine.cuda.internal.kernels.Unpack;
import io.resfuse.engine.cuda.internal.layout.Activation;
import io.resfuse.engine.cuda.internal.layout.Packing;
import io.resfuse.engine.cuda.internal.layout.StemImage;
import io.resfuse.engine.cuda.internal.layout.WeightLayout;
import io.resfuse.engine.cuda.internal.program.Buffer;
import io.resfuse.engine.cuda.internal.program.Program;
import io.resfuse.tensor.TensorLayout;

/** Adds copies that change layout or type to programs. */
public final class Conversions {
  private static final int THREADS = 256;

  private final Emission emission;

  public Conversions(Emission emission) {
    this.emission = emission;
  }

  /**
   * What the host has sent.
   *
   * @param buffer where it lies
   * @param layout of it
   * @param value its sizes
   * @param scale where the factors of pixels begin in the buffer, in bytes; 0 for floats
   * @param bias where the biases of pixels begin in the buffer, in bytes; 0 for floats
   */
  private record Source(
      Buffer buffer, TensorLayout layout, Activation value, long scale, long bias) {}

  /** Images of the caller, floats or pixels, to a tensor. */
  void packImages(Program program, Buffer host, ImageInput input, StemImage stem, Buffer target) {
    boolean pixels = input.takesPixels();
    Source source =
        new Source(
            host,
            input.layout(),
            input.value(),
            pixels ? input.scaleOffset() : 0,
            pixels ? input.biasOffset() : 0);
    pack(program, "images", source, stem, target, false);
  }

  /**
   * Floats of the caller, without padding, to a tensor.
   *
   * @param value sizes of both
   * @param accumulate whether to add to the tensor
   */
  void pack(
      Program program,
      String label,
      Buffer host,
      TensorLayout layout,
      Activation value,
      Buffer target,
      boolean accumulate) {
    Source source = new Source(host, layout, value, 0, 0);
    pack(program, label, source, new StemImage(value, 0), target, accumulate);
  }

  private void pack(
      Program program,
      String label,
      Source source,
      StemImage image,
      Buffer target,
      boolean accumulate) {
    Activation value = source.value();
    Activation tensor = image.tensor();
    boolean pixels = source.scale() > 0;
    program.launch(
        emission.typedKernel(pixels ? "packBytes" : "packFloats", Pack.class),
        label,
        tiles(tensor),
        at -> {
          long host = at.of(source.buffer());
          return new Pack(
              host,
              at.of(target),
              pixels ? host + source.scale() : 0,
              pixels ? host + source.bias() : 0,
              value.images(),
              value.channels(),
              value.height(),
              value.width(),
              tensor.pitch(),
              tensor.height(),
              tensor.width(),
              image.border(),
              image.border(),
              source.layout() == TensorLayout.NHWC ? 1 : 0,
              accumulate ? 1 : 0);
        });
  }

  /** From a tensor to the host's floats. */
  void unpack(
      Program program,
      String label,
      Buffer tensor,
      Activation value,
      TensorLayout layout,
      Buffer host) {
    program.launch(
        emission.typedKernel("unpack", Unpack.class),
        label,
        tiles(value),
        at ->
            new Unpack(
                at.of(tensor),
                at.of(host),
                value.images(),
                value.channels(),
                value.height(),
                value.width(),
                value.pitch(),
                layout == TensorLayout.NHWC ? 1 : 0));
  }

  /**
   * A block per tile of 64 pixels by 32 channels, or of 256 pixels where there are few channels.
   */
  private Geometry tiles(Activation tensor) {
    boolean narrow = tensor.pitch() <= Activation.CHANNEL_MULTIPLE;
    long tiles =
        narrow
            ? Geometry.ceilDiv(tensor.rows(), 256)
            : (long) Geometry.ceilDiv(tensor.rows(), 64) * Geometry.ceilDiv(tensor.pitch(), 32);
    return Geometry.linear(Math.min(tiles, emission.manyBlocks()), THREADS);
  }

  /** Rounds floats. */
  public void cast(Program program, String label, Buffer values, Buffer stored, long elements) {
    long blocks = Math.min((elements + 1023) / 1024, emission.manyBlocks());
    program.launch(
        emission.typedKernel("cast", Cast.class),
        label,
        Geometry.linear(blocks, THREADS),
        at -> new Cast(at.of(values), at.of(stored), elements));
  }

  /** Adds a stored gradient of weights to a float32 one if the binding accumulates, else copies. */
  public void widen(
      Program program, String label, WeightLayout layout, Buffer stored, Buffer gradient) {
    Activation rows = new Activation(layout.outputs(), 1, 1, layout.pitch(), layout.pitch());
    Buffer floats = program.timeline().workspace(gradient.bytes());
    unpack(program, label + " as floats", stored, rows, TensorLayout.NHWC, floats);
    new WeightGradients(emission).sumSlices(program, label, floats, gradient, layout.elements(), 1);
  }

  /** Weights as the gradient of the input wants them. */
  public void transposeWeights(
      Program program, String label, WeightLayout layout, Buffer weights, Buffer transposed) {
    int side = 128 / emission.type().bytes();
    Packing packing = layout.packing();
    long blocks =
        (long) Geometry.ceilDiv(packing.outputs(), side)
            * Geometry.ceilDiv(layout.channels(), side);
    program.launch(
        emission.typedKernel("transposeWeights", TransposeWeights.class),
        label + " transposed weights",
        new Geometry(blocks, layout.taps(), packing.packs(), THREADS, 1, 0),
        at ->
            new TransposeWeights(
                at.of(weights),
                at.of(transposed),
                packing.packs(),
                packing.outputs(),
                layout.taps(),
                layout.channels()));
  }

  /** Every stride-th pixel, with channels of zeros around. */
  public void subsample(Program program, Subsampling shortcut, Buffer input, Buffer output) {
    program.launch(
        emission.typedKernel("subsampledIdentity", SubsampledIdentity.class),
        shortcut.label(),
        overRows(shortcut.output()),
        at -> shortcut.parameters(at.of(input), at.of(output), false));
  }

  /** Its gradient. */
  public void subsampleBackward(
      Program program,
      Subsampling shortcut,
      Buffer outputGradient,
      Buffer inputGradient,
      boolean accumulate) {
    program.launch(
        emission.typedKernel("subsampledIdentityBackward", SubsampledIdentity.class),
        shortcut.label() + " gradient",
        overRows(shortcut.input()),
        at -> shortcut.parameters(at.of(outputGradient), at.of(inputGradient), accumulate));
  }

  /** The sizes of a parameter-free shortcut. */
  public record Subsampling(
      String label, Activation input, Activation output, int stride, int channelsBefore) {
    private SubsampledIdentity parameters(long from, long to, boolean accumulate) {
      return new SubsampledIdentity(
          from,
          to,
          input.images(),
          input.height(),
          input.width(),
          input.pitch(),
          output.height(),
          output.width(),
          output.pitch(),
          stride,
          channelsBefore,
          input.channels(),
          accumulate ? 1 : 0);
    }
  }

  private Geometry overRows(Activation written) {
    int vectors = written.pitch() / emission.vector();
    int gridY = Geometry.ceilDiv(vectors, 128);
    int x = Geometry.ceilDiv(vectors, gridY);
    int y = THREADS / x;
    long blocks =
        Math.min(Geometry.ceilDiv(written.rows(), y), Math.max(1, emission.manyBlocks() / gridY));
    return new Geometry(blocks, gridY, 1, x, y, 0);
  }
}
