package io.resfuse.engine.onednn;

import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.Operation;
import io.resfuse.engine.Operation.FusedConv;
import io.resfuse.engine.Operation.Linear;
import io.resfuse.engine.ParameterSpec;
import io.resfuse.engine.TrainingOptions;
import io.resfuse.engine.Value;
import io.resfuse.tensor.Shape;
import io.resfuse.tensor.TensorLayout;
import java.util.List;
import org.bytedeco.dnnl.dnnl_memory_desc;
import org.jspecify.annotations.Nullable;

/**
 * How the tensors of a training plan lie in memory: activations in the plan's format, images of few
 * channels plainly. Immutable; its descriptors live in the scope it was given.
 */
final class TrainingLayouts {
  private final Scope scope;
  private final NetworkSpec network;
  private final TrainingOptions options;
  private final int type;
  private final List<Shape> shapes;
  private final TrainingFormat format;
  private final FastConvolutions fast;
  private final boolean plainInput;

  /**
   * The layouts of a plan.
   *
   * @param scope owns the descriptors
   * @param network what is trained
   * @param options batch and sizes
   * @param type of activations, {@link Dnnl#F32} or {@link Dnnl#BF16}
   * @param format one that {@link #canBe} of the network
   * @param fast which convolutions are fast ones
   */
  TrainingLayouts(
      Scope scope,
      NetworkSpec network,
      TrainingOptions options,
      int type,
      TrainingFormat format,
      FastConvolutions fast) {
    this.scope = scope;
    this.network = network;
    this.options = options;
    this.type = type;
    this.shapes = network.shapes(options.batch(), options.height(), options.width());
    this.format = format;
    this.fast = fast;
    this.plainInput = format.isBlocked() && network.input().channels() % format.block() != 0;
  }

  Scope scope() {
    return scope;
  }

  NetworkSpec network() {
    return network;
  }

  TrainingOptions options() {
    return options;
  }

  int type() {
    return type;
  }

  TrainingFormat format() {
    return format;
  }

  Shape shape(Value value) {
    return shapes.get(value.id());
  }

  /** Whether a value is an image of few channels, which lies plainly in a plan of blocks. */
  boolean isPlainInput(Value value) {
    return plainInput && value.equals(network.input());
  }

  /**
   * Whether a network can lie in a format: blocks need channel counts that they divide, but for an
   * image that only convolutions read, and no groups.
   */
  static boolean canBe(NetworkSpec network, TrainingFormat format) {
    int block = format.block();
    if (!format.isBlocked()) {
      return true;
    }
    for (Operation operation : network.operations()) {
      Value out = operation.output();
      if (!out.isFlat() && out.channels() % block != 0) {
        return false;
      }
      if (operation instanceof FusedConv conv) {
        if (conv.groups() != 1 || network.input().equals(conv.residual())) {
          return false;
        }
      } else if (operation.inputs().contains(network.input())
          && network.input().channels() % block != 0) {
        return false;
      }
    }
    return true;
  }

  private int typeOf(Value value) {
    boolean logits =
        network.operations().stream()
            .anyMatch(o -> o instanceof Linear && o.output().equals(value));
    return logits ? Dnnl.F32 : type;
  }

  dnnl_memory_desc desc(Value value) {
    return desc(value, typeOf(value));
  }

  dnnl_memory_desc desc(Value value, int elementType) {
    return desc(value, elementType, options.batch());
  }

  /** Some images of a value: they follow each other in memory in every format. */
  dnnl_memory_desc desc(Value value, int elementType, int images) {
    if (value.isFlat()) {
      return Dnnl.matrix(scope, elementType, images, value.channels());
    }
    long[] dims = Descs.dims(shape(value), images);
    if (isPlainInput(value)) {
      return Dnnl.nchw(scope, elementType, dims);
    }
    return image(elementType, dims);
  }

  dnnl_memory_desc image(int elementType, long... dims) {
    return Dnnl.desc(scope, elementType, format.tag(), dims);
  }

  /** The fast way for a convolution; null if it is direct. */
  @Nullable FastConvolution fast(FusedConv conv) {
    if (format == TrainingFormat.PLANES || isPlainInput(conv.input())) {
      return null;
    }
    int block = format.isBlocked() ? format.block() : 0;
    return fast.of(conv, shape(conv.input()), options.batch(), options.batch(), type, block);
  }

  /**
   * The fast way for the gradient of a convolution's weights; null if that is direct, as with a
   * bias, whose gradient oneDNN's primitives give with that of the weights.
   */
  @Nullable FastConvolution fastGradient(FusedConv conv) {
    FastConvolution found = fast(conv);
    boolean wanted = found != null && conv.bias() == null && fast.takesGradient(found);
    return wanted ? found : null;
  }

  /** Where an image begins in a value, in bytes. */
  long offset(Value value, int elementType, int image) {
    return Dnnl.bytes(desc(value, elementType)) / options.batch() * image;
  }

  dnnl_memory_desc hostDesc(Value value) {
    if (value.isFlat()) {
      return Dnnl.matrix(scope, Dnnl.F32, options.batch(), value.channels());
    }
    long[] dims = Descs.dims(shape(value));
    return options.layout() == TensorLayout.NHWC
        ? Dnnl.nhwc(scope, Dnnl.F32, dims)
        : Dnnl.nchw(scope, Dnnl.F32, dims);
  }

  dnnl_memory_desc plain(ParameterSpec spec) {
    return switch (spec.role()) {
      case CONV_WEIGHT -> Dnnl.plainWeights(scope, 1, Descs.dims(spec.shape()));
      case LINEAR_WEIGHT ->
          Dnnl.matrix(scope, Dnnl.F32, spec.shape().dimension(0), spec.shape().dimension(1));
      default -> Dnnl.vector(scope, spec.shape().elements());
    };
  }

  /** A flat value as an image of one pixel. */
  dnnl_memory_desc pooled(Value flat) {
    return image(type, options.batch(), flat.channels(), 1, 1);
  }

  @Nullable dnnl_memory_desc bias(FusedConv conv) {
    return conv.bias() == null ? null : Dnnl.vector(scope, conv.output().channels());
  }

  dnnl_memory_desc anyWeights(FusedConv conv, int elementType) {
    return Dnnl.anyWeights(scope, elementType, conv.groups(), Descs.dims(conv.weight().shape()));
  }
}
