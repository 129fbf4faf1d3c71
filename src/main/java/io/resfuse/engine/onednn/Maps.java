package io.resfuse.engine.onednn;

import static org.bytedeco.dnnl.global.dnnl.dnnl_concat_primitive_desc_create;
import static org.bytedeco.dnnl.global.dnnl.dnnl_memory_desc_create_submemory;
import static org.bytedeco.dnnl.global.dnnl.dnnl_resampling_backward_primitive_desc_create;
import static org.bytedeco.dnnl.global.dnnl.dnnl_resampling_forward_primitive_desc_create;
import static org.bytedeco.dnnl.global.dnnl.dnnl_resampling_linear;

import java.util.List;
import org.bytedeco.dnnl.dnnl_memory_desc;
import org.bytedeco.dnnl.dnnl_primitive_desc;
import org.bytedeco.javacpp.PointerPointer;

/**
 * Plans what is done to maps of features as a whole: resizing, and putting channels side by side.
 * oneDNN's linear resampling has the coordinates of {@link
 * io.resfuse.engine.Operation.BilinearResize}.
 */
final class Maps {
  private Maps() {}

  static dnnl_primitive_desc resize(
      Scope scope, int propagation, dnnl_memory_desc source, dnnl_memory_desc target) {
    dnnl_primitive_desc desc = new dnnl_primitive_desc();
    Dnnl.check(
        dnnl_resampling_forward_primitive_desc_create(
            desc,
            Dnnl.ENGINE,
            propagation,
            dnnl_resampling_linear,
            (float[]) null,
            source,
            target,
            Attributes.none(scope)),
        "planning a resize");
    return scope.own(desc);
  }

  static dnnl_primitive_desc resizeBackward(
      Scope scope, dnnl_memory_desc source, dnnl_memory_desc target, dnnl_primitive_desc forward) {
    dnnl_primitive_desc desc = new dnnl_primitive_desc();
    Dnnl.check(
        dnnl_resampling_backward_primitive_desc_create(
            desc,
            Dnnl.ENGINE,
            dnnl_resampling_linear,
            (float[]) null,
            source,
            target,
            forward,
            Attributes.none(scope)),
        "planning the gradient of a resize");
    return scope.own(desc);
  }

  /** Channels side by side. */
  static dnnl_primitive_desc concat(
      Scope scope, List<dnnl_memory_desc> sources, dnnl_memory_desc target) {
    try (PointerPointer<dnnl_memory_desc> array = new PointerPointer<>(sources.size());
        PointerPointer<dnnl_primitive_desc> made = new PointerPointer<>(1)) {
      for (int i = 0; i < sources.size(); i++) {
        array.put(i, sources.get(i));
      }
      Dnnl.check(
          dnnl_concat_primitive_desc_create(
              made, Dnnl.ENGINE, target, sources.size(), 1, array, Attributes.none(scope)),
          "planning a concatenation");
      return scope.own(made.get(dnnl_primitive_desc.class, 0));
    }
  }

  /** Some channels of a tensor, where they lie in it. */
  static dnnl_memory_desc channels(Scope scope, dnnl_memory_desc tensor, int before, long... dims) {
    dnnl_memory_desc part = new dnnl_memory_desc();
    Dnnl.check(
        dnnl_memory_desc_create_submemory(part, tensor, dims, new long[] {0, before, 0, 0}),
        "describing some channels of a tensor");
    return scope.own(part);
  }
}
