package io.resfuse.verify;

import io.resfuse.engine.NetworkBuilder;
import io.resfuse.engine.NetworkBuilder.Conv;
import io.resfuse.engine.NetworkBuilder.Norm;
import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.Operation;
import io.resfuse.engine.Operation.Window;
import io.resfuse.engine.Value;
import io.resfuse.model.ResNetVariant;
import io.resfuse.tensor.Shape;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * An operation and the sizes that it runs on. Two layers of one shape are one case.
 *
 * @param kind which operation
 * @param in channels of the input
 * @param out channels of the output
 * @param prologue whether the input is what a batch norm and a ReLU give, which engines may fuse
 *     into the reading of it; of convolutions and max pools only
 * @param window of convolutions and pools; of the shortcut only the stride counts, of means over
 *     squares only the kernel, which of resizes is how many times larger the result is
 * @param groups of the convolution; of concatenations, how many images are joined
 * @param bias whether the convolution has one
 * @param batchNorm whether a batch norm follows it
 * @param residual whether something is added
 * @param relu whether a ReLU ends it
 * @param batch images
 * @param height rows of the input, of resizes of the result
 * @param width columns of the input, of resizes of the result
 */
public record OperationShape(
    Kind kind,
    int in,
    int out,
    boolean prologue,
    Window window,
    int groups,
    boolean bias,
    boolean batchNorm,
    boolean residual,
    boolean relu,
    int batch,
    int height,
    int width) {
  /** The convolution of one pixel, a permutation of channels, whose batch norm is the prologue. */
  static final String BEFORE = "before";

  private static final Window POINT = new Window(1, 1, 0, 1);

  /** Channels from which on a dense convolution before a prologue would take most of the time. */
  private static final int MANY = 512;

  private static final int VECTOR = 8;

  /** Operations. */
  public enum Kind {
    /** Convolution with what is fused into it. */
    CONV,
    /** Maximum over a window. */
    MAXPOOL,
    /** Parameter-free shortcut. */
    SHORTCUT,
    /** Mean over the image. */
    AVGPOOL,
    /** Mean over squares side by side. */
    MEANPOOL,
    /** Squeeze and excitation, with what is fused into it. */
    SQUEEZE,
    /** Bilinear resize to a size some times larger, of means over squares of that size. */
    RESIZE,
    /** Channels of several images side by side. */
    CONCAT,
    /** Matrix product and bias. */
    LINEAR,
    /** Softmax cross-entropy of images, or of pixels where there are several. */
    LOSS;

    /** The name in lower case. */
    @Override
    public String toString() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  /**
   * The shape of a layer.
   *
   * @param input of its first input
   * @param output of its result
   * @param producer where its first input comes from; null if that is the image
   * @throws IllegalArgumentException if there are no cases of it
   */
  static OperationShape of(
      Operation operation, Shape input, Shape output, @Nullable Operation producer) {
    boolean flat = input.rank() == 2;
    int channels = input.dimension(1);
    int batch = input.dimension(0);
    int height = flat ? 1 : input.dimension(2);
    int width = flat ? 1 : input.dimension(3);
    int out = operation.output().channels();
    boolean prologue =
        producer instanceof Operation.FusedConv before
            && before.batchNorm() != null
            && before.residual() == null
            && before.relu();
    if (operation instanceof Operation.FusedConv conv) {
      return new OperationShape(
          Kind.CONV,
          channels,
          out,
          prologue,
          conv.window(),
          conv.groups(),
          conv.bias() != null,
          conv.batchNorm() != null,
          conv.residual() != null,
          conv.relu(),
          batch,
          height,
          width);
    }
    if (operation instanceof Operation.MaxPool pool) {
      return maxPool(channels, prologue, pool.window(), batch, height, width);
    }
    if (operation instanceof Operation.SubsampledIdentity identity) {
      Window stride = new Window(1, identity.stride(), 0, 1);
      return plain(Kind.SHORTCUT, channels, out, stride, batch, height, width);
    }
    if (operation instanceof Operation.AveragePool pool) {
      return meanPool(channels, pool.size(), batch, height, width);
    }
    if (operation instanceof Operation.SqueezeExcite gating) {
      boolean adds = gating.residual() != null;
      return squeeze(channels, adds, gating.relu(), batch, height, width);
    }
    if (operation instanceof Operation.BilinearResize) {
      int larger = larger(operation, input, output);
      return resize(channels, larger, batch, output.dimension(2), output.dimension(3));
    }
    if (operation instanceof Operation.Concat concat) {
      if (concat.inputs().stream().anyMatch(joined -> joined.channels() != channels)) {
        throw unknown(operation, "joins images of different numbers of channels");
      }
      return concat(channels, concat.inputs().size(), batch, height, width);
    }
    Kind kind = operation instanceof Operation.Linear ? Kind.LINEAR : Kind.AVGPOOL;
    return plain(kind, channels, out, POINT, batch, height, width);
  }

  /** By how many times a resize makes images larger, parts of a pixel being one. */
  private static int larger(Operation operation, Shape from, Shape to) {
    for (int times = 1; times <= Math.max(to.dimension(2), to.dimension(3)); times++) {
      if ((to.dimension(2) + times - 1) / times == from.dimension(2)
          && (to.dimension(3) + times - 1) / times == from.dimension(3)) {
        return times;
      }
    }
    throw unknown(operation, "resizes by no whole number");
  }

  private static IllegalArgumentException unknown(Operation operation, String what) {
    return new IllegalArgumentException(
        "there are no cases of " + operation.name() + ", which " + what);
  }

  static OperationShape resize(int channels, int times, int batch, int height, int width) {
    Window squares = new Window(times, times, 0, 1);
    return plain(Kind.RESIZE, channels, channels, squares, batch, height, width);
  }

  static OperationShape concat(int channels, int parts, int batch, int height, int width) {
    return new OperationShape(
        Kind.CONCAT,
        channels,
        parts * channels,
        false,
        POINT,
        parts,
        false,
        false,
        false,
        false,
        batch,
        height,
        width);
  }

  static OperationShape loss(int batch, int classes) {
    return pixelLoss(batch, classes, 1, 1);
  }

  static OperationShape pixelLoss(int batch, int classes, int height, int width) {
    return plain(Kind.LOSS, classes, classes, POINT, batch, height, width);
  }

  static OperationShape maxPool(
      int channels, boolean prologue, Window window, int batch, int height, int width) {
    return new OperationShape(
        Kind.MAXPOOL,
        channels,
        channels,
        prologue,
        window,
        1,
        false,
        false,
        false,
        false,
        batch,
        height,
        width);
  }

  static OperationShape meanPool(int channels, int size, int batch, int height, int width) {
    Window squares = new Window(size, size, 0, 1);
    return plain(Kind.MEANPOOL, channels, channels, squares, batch, height, width);
  }

  static OperationShape squeeze(
      int channels, boolean residual, boolean relu, int batch, int height, int width) {
    return new OperationShape(
        Kind.SQUEEZE,
        channels,
        channels,
        false,
        POINT,
        1,
        false,
        false,
        residual,
        relu,
        batch,
        height,
        width);
  }

  static OperationShape plain(
      Kind kind, int in, int out, Window window, int batch, int height, int width) {
    return new OperationShape(
        kind, in, out, false, window, 1, false, false, false, false, batch, height, width);
  }

  /**
   * A case that runs nothing else.
   *
   * @param label put before the description
   * @return a network of the operation, and of what feeds it a flat value, a prologue or a residual
   * @throws IllegalArgumentException if the sizes do not fit each other
   */
  public VerifyCase toCase(String label) {
    boolean isExact =
        switch (kind) {
          case LOSS -> false;
          case AVGPOOL, SQUEEZE -> Integer.bitCount(height * width) == 1;
          case MEANPOOL -> window.kernel() <= 2;
          // Shares are then quarters.
          case RESIZE ->
              window.kernel() == 2 && Integer.bitCount(height) == 1 && Integer.bitCount(width) == 1;
          // As many 1 as -1 have a mean of 0 and a variance of 1.
          case CONV, MAXPOOL -> !prologue || batch * height * width % 2 == 0;
          default -> true;
        };
    VerifyCase test =
        new VerifyCase(
            (label + " " + this).strip(),
            Level.OPERATION,
            build(batchNorm, bias),
            isExact ? build(false, true) : null,
            batch,
            height,
            width);
    test.shapeOf(test.output());
    return test;
  }

  private NetworkSpec build(boolean norm, boolean withBias) {
    NetworkBuilder builder = new NetworkBuilder(kind.toString(), in);
    Value input = prologue ? prologue(builder) : builder.input();
    Value output =
        switch (kind) {
          case CONV ->
              builder.fusedConv(
                  input,
                  new Conv(
                      "conv",
                      out,
                      window,
                      groups,
                      withBias,
                      norm ? new Norm("bn", 1e-5, 0.1) : null),
                  residual ? residual(builder) : null,
                  relu);
          case MAXPOOL -> builder.maxPool("pool", input, window);
          case SHORTCUT -> builder.subsampledIdentity("shortcut", input, window.stride(), out);
          case MEANPOOL -> builder.averagePool("pool", input, window.kernel());
          case SQUEEZE ->
              builder.squeezeExcite(
                  "se",
                  input,
                  ResNetVariant.reducedChannels(in),
                  residual ? builder.input() : null,
                  relu);
          case RESIZE ->
              builder.bilinearResize(
                  "resize", builder.averagePool("pool", input, window.kernel()), builder.input());
          case CONCAT -> builder.concat("concat", parts(builder));
          case AVGPOOL -> builder.globalAveragePool("avgpool", input);
          case LOSS ->
              height * width == 1
                  ? builder.globalAveragePool("avgpool", input)
                  : builder.maxPool("pixels", input, POINT);
          case LINEAR -> builder.linear("fc", builder.globalAveragePool("avgpool", input), out);
        };
    builder.output(kind == Kind.LOSS ? VerifyCase.LOGITS : VerifyCase.OUT, output);
    return builder.build();
  }

  /** The image itself and copies of it. */
  private List<Value> parts(NetworkBuilder builder) {
    List<Value> parts = new ArrayList<>();
    for (int i = 1; i < groups; i++) {
      parts.add(builder.maxPool("copy" + i, builder.input(), POINT));
    }
    parts.add(builder.input());
    return parts;
  }

  /**
   * With an epsilon that makes the deviation of numbers of variance 1 exactly 2; of many channels
   * in groups, since it is not what is tried.
   */
  private Value prologue(NetworkBuilder builder) {
    int groupsBefore = in >= MANY && in % VECTOR == 0 ? in / VECTOR : 1;
    Norm norm = new Norm(BEFORE + ".bn", 3, 0.1);
    Conv before = new Conv(BEFORE, in, POINT, groupsBefore, false, norm);
    return builder.fusedConv(builder.input(), before, null, true);
  }

  /** The image itself, or with more channels or fewer pixels, so that nothing else is computed. */
  private @Nullable Value residual(NetworkBuilder builder) {
    int stride = window.stride();
    Window point = new Window(1, stride, 0, 1);
    if (window.outputSize(height) != point.outputSize(height)
        || window.outputSize(width) != point.outputSize(width)) {
      throw new IllegalArgumentException(
          this + ": the residual needs an output of ceil(size / stride); change the padding");
    }
    if (in == out && stride == 1) {
      return builder.input();
    }
    if (out >= in) {
      return builder.subsampledIdentity("residual", builder.input(), stride, out);
    }
    Conv projection = new Conv("residual", out, point, 1, false, null);
    return builder.fusedConv(builder.input(), projection, null, false);
  }

  /** For people: {@code conv 3x3/2 64>128 pad 1 bn relu after bn relu}. */
  @Override
  public String toString() {
    StringBuilder text = new StringBuilder(kind.toString());
    if (kind == Kind.CONV || kind == Kind.MAXPOOL || kind == Kind.MEANPOOL) {
      text.append(' ').append(window.kernel()).append('x').append(window.kernel());
    }
    if (kind == Kind.CONCAT) {
      text.append(' ').append(groups).append(" of");
    }
    if (kind == Kind.LOSS && height * width > 1) {
      text.append(" of pixels");
    }
    if (kind == Kind.RESIZE) {
      text.append(" x").append(window.kernel());
    } else if (window.stride() != 1) {
      text.append('/').append(window.stride());
    }
    text.append(' ').append(in);
    if (in != out) {
      text.append('>').append(out);
    }
    if (kind == Kind.CONV) {
      text.append(" pad ").append(window.padding());
      text.append(window.dilation() == 1 ? "" : " dilated " + window.dilation());
      text.append(groups == 1 ? "" : " groups " + groups);
      text.append(bias ? " bias" : "");
      text.append(batchNorm ? " bn" : "");
    }
    text.append(residual ? " residual" : "");
    text.append(relu ? " relu" : "");
    text.append(prologue ? " after bn relu" : "");
    return text.toString();
  }
}
