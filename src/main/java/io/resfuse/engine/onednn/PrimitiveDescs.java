package io.resfuse.engine.onednn;

import static org.bytedeco.dnnl.global.dnnl.*;

import java.util.Arrays;
import org.bytedeco.dnnl.dnnl_memory_desc;
import org.bytedeco.dnnl.dnnl_primitive;
import org.bytedeco.dnnl.dnnl_primitive_desc;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.IntPointer;
import org.bytedeco.javacpp.PointerPointer;

/**
 * Asks primitive descriptors what oneDNN has chosen. Descriptors that {@code *Of} methods return
 * belong to the primitive descriptor they are asked of.
 */
final class PrimitiveDescs {
  private PrimitiveDescs() {}

  static dnnl_memory_desc sourceOf(dnnl_primitive_desc desc) {
    return query(desc, dnnl_query_src_md);
  }

  static dnnl_memory_desc sourceGradientOf(dnnl_primitive_desc desc) {
    return query(desc, dnnl_query_diff_src_md);
  }

  static dnnl_memory_desc weightsOf(dnnl_primitive_desc desc) {
    return query(desc, dnnl_query_weights_md);
  }

  static dnnl_memory_desc weightGradientOf(dnnl_primitive_desc desc) {
    return query(desc, dnnl_query_diff_weights_md);
  }

  static dnnl_memory_desc workspaceOf(dnnl_primitive_desc desc) {
    return query(desc, dnnl_query_workspace_md);
  }

  static dnnl_memory_desc scratchOf(dnnl_primitive_desc desc) {
    return query(desc, dnnl_query_scratchpad_md);
  }

  /** The name of the implementation that a primitive got, {@code jit:avx2} or {@code ref:any}. */
  static String implementation(dnnl_primitive_desc desc) {
    try (PointerPointer<BytePointer> name = new PointerPointer<>(1)) {
      Dnnl.check(
          dnnl_primitive_desc_query(desc, dnnl_query_impl_info_str, 0, name),
          "asking for a primitive's name");
      return name.get(BytePointer.class, 0).getString();
    }
  }

  /** The same of a primitive. */
  static String implementation(dnnl_primitive primitive) {
    dnnl_primitive_desc desc = new dnnl_primitive_desc();
    Dnnl.check(dnnl_primitive_get_primitive_desc(primitive, desc), "asking what a primitive is");
    return implementation(desc);
  }

  /** Whether a primitive is one of oneDNN's reference loops, which are slow. */
  static boolean isReference(dnnl_primitive_desc desc) {
    return isReference(implementation(desc));
  }

  /**
   * Whether an implementation's name says that it is a reference loop, or made of one: {@code
   * ref:any}, {@code gemm:ref}.
   */
  static boolean isReference(String implementation) {
    return Arrays.asList(implementation.split("[:+]", -1)).contains("ref");
  }

  /** What kind a primitive is of, {@code dnnl_convolution} for example. */
  static int kind(dnnl_primitive_desc desc) {
    try (IntPointer kind = new IntPointer(1)) {
      Dnnl.check(
          dnnl_primitive_desc_query(desc, dnnl_query_primitive_kind, 0, kind),
          "asking for a primitive's kind");
      return kind.get();
    }
  }

  private static dnnl_memory_desc query(dnnl_primitive_desc desc, int what) {
    return dnnl_primitive_desc_query_md(desc, what, 0);
  }
}
