package io.resfuse.engine.onednn;

import static org.bytedeco.dnnl.global.dnnl.*;

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
 * How the tensors of a training plan lie in memory. Activations lie in blocks of 16 channels
 * (nChw16c), for which the primitives of the weights' gradients are about a fifth faster than for
 * NHWC; networks with grouped convolutions or ragged channel counts lie in NHWC. Immutable; its
 * descriptors live in the scope it was given.
 */
final class TrainingLayouts {
  private static final int BLOCK = 16;

  private final Scope scope;
  private final NetworkSpec network;
  private final TrainingOptions options;
  private final int type;
  private final List<Shape> shapes;
  private final boolean blocked;
  private final boolean plainInput;

  /**
   * The layouts of a plan.
   *
   * @param scope owns the descriptors
   * @param network what is trained
   * @param options batch and sizes
   * @param type of activations, {@link Dnnl#F32} or {@link Dnnl#BF16}
   */
  TrainingLayouts(Scope scope, NetworkSpec network, TrainingOptions options, int type) {
    this.scope = scope;
    this.network = network;
    this.options = options;
    this.type = type;
    this.shapes = network.shapes(options.batch(), options.height(), options.width());
    this.blocked = canBeBlocked();
    this.plainInput = blocked && network.input().channels() % BLOCK != 0;
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

  Shape shape(Value value) {
    return shapes.get(value.id());
  }

  /** Whether a value is an image of few channels, which lies plainly in a plan of blocks. */
  boolean isPlainInput(Value value) {
    return plainInput && value.equals(network.input());
  }

  private boolean canBeBlocked() {
    for (Operation operation : network.operations()) {
      Value out = operation.output();
      if (!out.isFlat() && out.channels() % BLOCK != 0) {
        return false;
      }
      if (operation instanceof FusedConv conv) {
        boolean readsImage = conv.input().equals(network.input());
        if (conv.groups() != 1 || network.input().equals(conv.residual())) {
          return false;
        }
        if (readsImage && out.channels() % BLOCK != 0) {
          return false;
        }
      } else if (operation.inputs().contains(network.input())
          && network.input().channels() % BLOCK != 0) {
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
    if (value.isFlat()) {
      return Dnnl.matrix(scope, elementType, options.batch(), value.channels());
    }
    long[] dims = Descs.dims(shape(value));
    if (isPlainInput(value)) {
      return Dnnl.nchw(scope, elementType, dims);
    }
    return image(elementType, dims);
  }

  dnnl_memory_desc image(int elementType, long... dims) {
    return blocked
        ? Dnnl.desc(scope, elementType, dnnl_nChw16c, dims)
        : Dnnl.nhwc(scope, elementType, dims);
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
