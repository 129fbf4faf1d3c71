package io.resfuse.engine.onednn;

import static org.bytedeco.dnnl.global.dnnl.*;

import io.resfuse.engine.EngineException;
import io.resfuse.engine.onednn.NativeMemory.Address;
import org.bytedeco.dnnl.dnnl_engine;
import org.bytedeco.dnnl.dnnl_memory;
import org.bytedeco.dnnl.dnnl_memory_desc;
import org.bytedeco.dnnl.dnnl_primitive;
import org.bytedeco.dnnl.dnnl_primitive_desc;
import org.bytedeco.dnnl.dnnl_stream;
import org.bytedeco.javacpp.IntPointer;
import org.bytedeco.javacpp.LongPointer;
import org.bytedeco.javacpp.PointerPointer;

/**
 * oneDNN's C API with failures as exceptions and handles owned by a {@link Scope}: the ENGINE,
 * tensors and what they look like, primitives. What plans primitives is in a class for each family:
 * {@link Convolutions}, {@link Poolings}, {@link BatchNorms}, {@link MatrixProducts}, {@link
 * Pointwise}.
 */
final class Dnnl {
  static final int F32 = dnnl_f32;
  static final int BF16 = dnnl_bf16;
  static final int U8 = dnnl_u8;
  static final int S8 = dnnl_s8;
  static final int S32 = dnnl_s32;

  /** The layout that a primitive likes best. */
  static final int ANY = dnnl_format_tag_any;

  static final dnnl_engine ENGINE = new dnnl_engine();

  static {
    check(dnnl_engine_create(ENGINE, dnnl_cpu, 0), "creating the CPU engine");
  }

  private Dnnl() {}

  static void check(int status, String doing) {
    if (status != dnnl_success) {
      throw new EngineException(
          "onednn: " + doing + " failed with " + statusName(status) + hint(status));
    }
  }

  private static String statusName(int status) {
    return switch (status) {
      case dnnl_out_of_memory -> "out of memory";
      case dnnl_invalid_arguments -> "invalid arguments";
      case dnnl_unimplemented -> "not implemented";
      case dnnl_runtime_error -> "a runtime error";
      default -> "status " + status;
    };
  }

  private static String hint(int status) {
    if (status == dnnl_out_of_memory) {
      return "; use a smaller batch or image, or raise this process's limit if it has one (ulimit -v)";
    }
    return status == dnnl_unimplemented
        ? "; this CPU or this version of oneDNN has no such primitive, use fp32 or another engine"
        : "";
  }

  static int elementBytes(int type) {
    return type == U8 || type == S8 ? 1 : type == BF16 ? 2 : 4;
  }

  static dnnl_stream stream(Scope scope) {
    dnnl_stream stream = new dnnl_stream();
    check(dnnl_stream_create(stream, ENGINE, dnnl_stream_default_flags), "creating a stream");
    return scope.own(stream);
  }

  // Memory.

  static dnnl_memory_desc desc(Scope scope, int type, int tag, long... dims) {
    dnnl_memory_desc desc = new dnnl_memory_desc();
    check(
        dnnl_memory_desc_create_with_tag(desc, dims.length, dims, type, tag),
        "describing a tensor");
    return scope.own(desc);
  }

  static dnnl_memory_desc vector(Scope scope, long length) {
    return desc(scope, F32, dnnl_a, length);
  }

  static dnnl_memory_desc nhwc(Scope scope, int type, long... dims) {
    return desc(scope, type, dnnl_nhwc, dims);
  }

  static dnnl_memory_desc nchw(Scope scope, int type, long... dims) {
    return desc(scope, type, dnnl_nchw, dims);
  }

  static dnnl_memory_desc matrix(Scope scope, int type, long rows, long columns) {
    return desc(scope, type, dnnl_ab, rows, columns);
  }

  /** Describes convolution weights as they lie in a file, (out, in / groups, kernel, kernel). */
  static dnnl_memory_desc plainWeights(Scope scope, int groups, long... shape) {
    return groups == 1
        ? desc(scope, F32, dnnl_oihw, shape)
        : desc(scope, F32, dnnl_goihw, groupedShape(groups, shape));
  }

  /** Describes convolution weights in whatever layout is best. */
  static dnnl_memory_desc anyWeights(Scope scope, int type, int groups, long... shape) {
    return desc(scope, type, ANY, groups == 1 ? shape : groupedShape(groups, shape));
  }

  private static long[] groupedShape(int groups, long... shape) {
    return new long[] {groups, shape[0] / groups, shape[1], shape[2], shape[3]};
  }

  static dnnl_memory_desc strided(Scope scope, int type, long[] dims, long[] strides) {
    dnnl_memory_desc desc = new dnnl_memory_desc();
    check(
        dnnl_memory_desc_create_with_strides(desc, dims.length, dims, type, strides),
        "describing a strided tensor");
    return scope.own(desc);
  }

  /** The same memory with other dimensions: dimension i becomes dimension order[i]. */
  static dnnl_memory_desc permuted(Scope scope, dnnl_memory_desc desc, int... order) {
    dnnl_memory_desc permuted = new dnnl_memory_desc();
    check(dnnl_memory_desc_permute_axes(permuted, desc, order), "permuting dimensions");
    return scope.own(permuted);
  }

  static dnnl_memory_desc copy(Scope scope, dnnl_memory_desc desc) {
    dnnl_memory_desc clone = new dnnl_memory_desc();
    check(dnnl_memory_desc_clone(clone, desc), "copying a descriptor");
    return scope.own(clone);
  }

  static boolean equal(dnnl_memory_desc a, dnnl_memory_desc b) {
    return dnnl_memory_desc_equal(a, b) != 0;
  }

  static long bytes(dnnl_memory_desc desc) {
    return dnnl_memory_desc_get_size(desc);
  }

  static long[] dims(dnnl_memory_desc desc) {
    try (IntPointer rank = new IntPointer(1);
        PointerPointer<LongPointer> dims = new PointerPointer<>(1)) {
      check(dnnl_memory_desc_query(desc, dnnl_query_ndims_s32, rank), "asking for a rank");
      check(dnnl_memory_desc_query(desc, dnnl_query_dims, dims), "asking for a shape");
      long[] found = new long[rank.get()];
      dims.get(LongPointer.class, 0).get(found);
      return found;
    }
  }

  static dnnl_memory memory(Scope scope, dnnl_memory_desc desc, long address) {
    dnnl_memory memory = new dnnl_memory();
    check(dnnl_memory_create(memory, desc, ENGINE, new Address(address)), "wrapping memory");
    return scope.own(memory);
  }

  static dnnl_primitive primitive(Scope scope, dnnl_primitive_desc desc) {
    dnnl_primitive primitive = new dnnl_primitive();
    check(dnnl_primitive_create(primitive, desc), "generating code for a primitive");
    return scope.own(primitive);
  }
}
