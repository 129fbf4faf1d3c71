package io.resfuse.engine.onednn;

import static org.bytedeco.dnnl.global.dnnl.*;

import io.resfuse.engine.Operation.FusedConv;
import org.bytedeco.dnnl.dnnl_primitive_desc;

/** Chooses the primitives of convolutions and of the gradients of their weights. */
final class WeightGradients {
  private final Scope scope;
  private final int type;
  private final TrainingLayouts layouts;

  WeightGradients(TrainingLayouts layouts) {
    this.scope = layouts.scope();
    this.type = layouts.type();
    this.layouts = layouts;
  }

  dnnl_primitive_desc convolution(FusedConv conv, int elementType) {
    return Convolutions.forward(
        scope,
        dnnl_forward_training,
        layouts.desc(conv.input(), elementType),
        layouts.anyWeights(conv, elementType),
        layouts.bias(conv),
        layouts.desc(conv.output(), elementType),
        conv.window(),
        Attributes.none(scope));
  }

  /**
   * How the gradient of a convolution's weights is found.
   *
   * @param desc the primitive
   * @param type of the tensors that it reads
   */
  record WeightGradient(dnnl_primitive_desc desc, int type) {}

  /**
   * In the plan's type, unless oneDNN has but its reference loops for it, which take far longer
   * than float32 with conversions. So it is for bf16 pictures of one channel.
   */
  WeightGradient of(FusedConv conv, dnnl_primitive_desc forwardDesc) {
    dnnl_primitive_desc desc = planned(conv, forwardDesc, type);
    return type != Dnnl.F32 && PrimitiveDescs.isReference(desc)
        ? new WeightGradient(planned(conv, convolution(conv, Dnnl.F32), Dnnl.F32), Dnnl.F32)
        : new WeightGradient(desc, type);
  }

  private dnnl_primitive_desc planned(
      FusedConv conv, dnnl_primitive_desc forwardDesc, int elementType) {
    return Convolutions.weightGradient(
        scope,
        layouts.desc(conv.input(), elementType),
        layouts.anyWeights(conv, Dnnl.F32),
        layouts.bias(conv),
        layouts.desc(conv.output(), elementType),
        conv.window(),
        forwardDesc);
  }
}
