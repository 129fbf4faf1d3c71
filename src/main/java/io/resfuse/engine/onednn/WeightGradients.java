package io.resfuse.engine.onednn;

import static org.bytedeco.dnnl.global.dnnl.*;

import io.resfuse.engine.Operation.FusedConv;
import io.resfuse.engine.onednn.ImageSlices.Slice;
import io.resfuse.tensor.Shape;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.dnnl.dnnl_memory_desc;
import org.bytedeco.dnnl.dnnl_primitive_desc;
import org.jspecify.annotations.Nullable;

/**
 * Chooses the primitives of convolutions and of the gradients of their weights. Not thread-safe.
 */
final class WeightGradients {
  private final Scope scope;
  private final int type;
  private final TrainingLayouts layouts;
  private final Map<FusedConv, WeightGradient> known = new HashMap<>();

  WeightGradients(TrainingLayouts layouts) {
    this.scope = layouts.scope();
    this.type = layouts.type();
    this.layouts = layouts;
  }

  dnnl_primitive_desc convolution(FusedConv conv) {
    return convolution(conv, type, layouts.options().batch());
  }

  private dnnl_primitive_desc convolution(FusedConv conv, int elementType, int images) {
    return Convolutions.forward(
        scope,
        dnnl_forward_training,
        layouts.desc(conv.input(), elementType, images),
        layouts.anyWeights(conv, elementType),
        layouts.bias(conv),
        layouts.desc(conv.output(), elementType, images),
        conv.window(),
        Attributes.none(scope));
  }

  /**
   * How the gradient of a convolution's weights is found.
   *
   * @param parts the primitives: their results are to be added
   * @param type of the tensors that they read
   * @param layout of the gradient
   * @param fast in the place of the primitives: then there are none; null for those
   */
  record WeightGradient(
      List<Part> parts, int type, dnnl_memory_desc layout, @Nullable FastConvolution fast) {}

  /**
   * The share of some images.
   *
   * @param slice the images
   * @param desc the primitive
   */
  record Part(Slice slice, dnnl_primitive_desc desc) {}

  /**
   * By Winograd's algorithm where that is worth it; else in the plan's type, unless oneDNN has but
   * its reference loops for it, which take far longer than float32 with conversions. So it is for
   * bf16 pictures of one channel.
   */
  WeightGradient of(FusedConv conv) {
    return known.computeIfAbsent(conv, this::choose);
  }

  private WeightGradient choose(FusedConv conv) {
    FastConvolution fast = layouts.fastGradient(conv);
    if (fast != null) {
      return new WeightGradient(List.of(), type, layouts.plain(conv.weight()), fast);
    }
    WeightGradient chosen = planned(conv, type);
    return type != Dnnl.F32 && PrimitiveDescs.isReference(chosen.parts.get(0).desc)
        ? planned(conv, Dnnl.F32)
        : chosen;
  }

  private WeightGradient planned(FusedConv conv, int elementType) {
    Shape out = layouts.shape(conv.output());
    List<Part> parts = new ArrayList<>();
    dnnl_memory_desc layout = layouts.anyWeights(conv, Dnnl.F32);
    Part last = null;
    for (Slice slice :
        ImageSlices.of(out.dimension(0), (long) out.dimension(2) * out.dimension(3))) {
      boolean same = last != null && last.slice.images() == slice.images();
      last = new Part(slice, same ? last.desc : planned(conv, elementType, slice, layout));
      parts.add(last);
      layout = PrimitiveDescs.weightGradientOf(parts.get(0).desc);
    }
    return new WeightGradient(parts, elementType, layout, null);
  }

  private dnnl_primitive_desc planned(
      FusedConv conv, int elementType, Slice slice, dnnl_memory_desc layout) {
    return Convolutions.weightGradient(
        scope,
        layouts.desc(conv.input(), elementType, slice.images()),
        layout,
        layouts.bias(conv),
        layouts.desc(conv.output(), elementType, slice.images()),
        conv.window(),
        convolution(conv, elementType, slice.images()));
  }
}
