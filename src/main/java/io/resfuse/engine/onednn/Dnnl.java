package io.resfuse.engine.onednn;

import static org.bytedeco.dnnl.global.dnnl.*;

import io.resfuse.engine.EngineException;
import io.resfuse.engine.Operation.Window;
import io.resfuse.engine.onednn.NativeMemory.Address;
import java.util.Arrays;
import org.bytedeco.dnnl.dnnl_engine;
import org.bytedeco.dnnl.dnnl_memory;
import org.bytedeco.dnnl.dnnl_memory_desc;
import org.bytedeco.dnnl.dnnl_post_ops;
import org.bytedeco.dnnl.dnnl_primitive;
import org.bytedeco.dnnl.dnnl_primitive_attr;
import org.bytedeco.dnnl.dnnl_primitive_desc;
import org.bytedeco.dnnl.dnnl_stream;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.IntPointer;
import org.bytedeco.javacpp.LongPointer;
import org.bytedeco.javacpp.PointerPointer;
import org.jspecify.annotations.Nullable;

/**
 * oneDNN's C API with failures as exceptions and handles owned by a {@link Scope}. Descriptors that
 * {@code *Of} methods return belong to the primitive descriptor they are asked of.
 */
final class Dnnl {
  static final int F32 = dnnl_f32;
  static final int BF16 = dnnl_bf16;

  /** The layout that a primitive likes best. */
  static final int ANY = dnnl_format_tag_any;

  private static final dnnl_engine engine = new dnnl_engine();

  static {
    check(dnnl_engine_create(engine, dnnl_cpu, 0), "creating the CPU engine");
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
      return "; use a smaller batch or image";
    }
    return status == dnnl_unimplemented
        ? "; this CPU or this version of oneDNN has no such primitive, use fp32 or another engine"
        : "";
  }

  static int elementBytes(int type) {
    return type == BF16 ? 2 : 4;
  }

  static dnnl_stream stream(Scope scope) {
    dnnl_stream stream = new dnnl_stream();
    check(dnnl_stream_create(stream, engine, dnnl_stream_default_flags), "creating a stream");
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
    check(dnnl_memory_create(memory, desc, engine, new Address(address)), "wrapping memory");
    return scope.own(memory);
  }

  // Attributes. Scratch memory is always the caller's, so that running allocates nothing.

  /** Attributes without post-operations. */
  static dnnl_primitive_attr attributes(Scope scope) {
    dnnl_primitive_attr attr = new dnnl_primitive_attr();
    check(dnnl_primitive_attr_create(attr), "creating attributes");
    scope.own(attr);
    check(
        dnnl_primitive_attr_set_scratchpad_mode(attr, dnnl_scratchpad_mode_user),
        "choosing scratch memory");
    return attr;
  }

  /** How a residual is added. */
  enum Residual {
    /** There is none. */
    NONE,
    /** It lies where the result goes. */
    IN_PLACE,
    /** It lies elsewhere: post-operation 0 has it as its argument. */
    SEPARATE
  }

  /** Attributes that add a residual, then apply ReLU. */
  static dnnl_primitive_attr attributes(
      Scope scope, Residual residual, dnnl_memory_desc residualDesc, boolean relu) {
    dnnl_post_ops ops = postOperations(scope);
    if (residual == Residual.IN_PLACE) {
      check(
          dnnl_post_ops_append_sum(ops, 1f, 0, dnnl_data_type_undef), "fusing a residual in place");
    } else if (residual == Residual.SEPARATE) {
      check(dnnl_post_ops_append_binary(ops, dnnl_binary_add, residualDesc), "fusing a residual");
    }
    if (relu) {
      check(dnnl_post_ops_append_eltwise(ops, dnnl_eltwise_relu, 0f, 0f), "fusing a ReLU");
    }
    return attributes(scope, ops);
  }

  private static dnnl_post_ops postOperations(Scope scope) {
    dnnl_post_ops ops = new dnnl_post_ops();
    check(dnnl_post_ops_create(ops), "creating post-operations");
    return scope.own(ops);
  }

  private static dnnl_primitive_attr attributes(Scope scope, dnnl_post_ops ops) {
    dnnl_primitive_attr attr = attributes(scope);
    check(dnnl_primitive_attr_set_post_ops(attr, ops), "setting post-operations");
    return attr;
  }

  /** The argument index of the operand of a binary post-operation, by its number. */
  static int postOperand(int number) {
    return (DNNL_ARG_ATTR_MULTIPLE_POST_OP_BASE * (number + 1)) | DNNL_ARG_SRC_1;
  }

  // Primitive descriptors.

  static dnnl_primitive_desc convolution(
      Scope scope,
      int propagation,
      dnnl_memory_desc source,
      dnnl_memory_desc weights,
      @Nullable dnnl_memory_desc bias,
      dnnl_memory_desc target,
      Window window,
      dnnl_primitive_attr attr) {
    dnnl_primitive_desc desc = new dnnl_primitive_desc();
    check(
        dnnl_convolution_forward_primitive_desc_create(
            desc,
            engine,
            propagation,
            dnnl_convolution_direct,
            source,
            weights,
            bias,
            target,
            pair(window.stride()),
            pair(window.dilation() - 1),
            pair(window.padding()),
            pair(window.padding()),
            attr),
        "planning a convolution");
    return scope.own(desc);
  }

  static dnnl_primitive_desc convolutionBackwardData(
      Scope scope,
      dnnl_memory_desc source,
      dnnl_memory_desc weights,
      dnnl_memory_desc target,
      Window window,
      dnnl_primitive_desc forward) {
    dnnl_primitive_desc desc = new dnnl_primitive_desc();
    check(
        dnnl_convolution_backward_data_primitive_desc_create(
            desc,
            engine,
            dnnl_convolution_direct,
            source,
            weights,
            target,
            pair(window.stride()),
            pair(window.dilation() - 1),
            pair(window.padding()),
            pair(window.padding()),
            forward,
            attributes(scope)),
        "planning the gradient of a convolution's input");
    return scope.own(desc);
  }

  static dnnl_primitive_desc convolutionBackwardWeights(
      Scope scope,
      dnnl_memory_desc source,
      dnnl_memory_desc weights,
      @Nullable dnnl_memory_desc bias,
      dnnl_memory_desc target,
      Window window,
      dnnl_primitive_desc forward) {
    dnnl_primitive_desc desc = new dnnl_primitive_desc();
    check(
        dnnl_convolution_backward_weights_primitive_desc_create(
            desc,
            engine,
            dnnl_convolution_direct,
            source,
            weights,
            bias,
            target,
            pair(window.stride()),
            pair(window.dilation() - 1),
            pair(window.padding()),
            pair(window.padding()),
            forward,
            attributes(scope)),
        "planning the gradient of a convolution's weights");
    return scope.own(desc);
  }

  static dnnl_primitive_desc pooling(
      Scope scope,
      int propagation,
      int algorithm,
      dnnl_memory_desc source,
      dnnl_memory_desc target,
      long[] strides,
      long[] kernel,
      long padding) {
    dnnl_primitive_desc desc = new dnnl_primitive_desc();
    check(
        dnnl_pooling_forward_primitive_desc_create(
            desc,
            engine,
            propagation,
            algorithm,
            source,
            target,
            strides,
            kernel,
            pair(0),
            pair(padding),
            pair(padding),
            attributes(scope)),
        "planning a pooling");
    return scope.own(desc);
  }

  static dnnl_primitive_desc poolingBackward(
      Scope scope,
      int algorithm,
      dnnl_memory_desc source,
      dnnl_memory_desc target,
      long[] strides,
      long[] kernel,
      long padding,
      dnnl_primitive_desc forward) {
    dnnl_primitive_desc desc = new dnnl_primitive_desc();
    check(
        dnnl_pooling_backward_primitive_desc_create(
            desc,
            engine,
            algorithm,
            source,
            target,
            strides,
            kernel,
            pair(0),
            pair(padding),
            pair(padding),
            forward,
            attributes(scope)),
        "planning the gradient of a pooling");
    return scope.own(desc);
  }

  static dnnl_primitive_desc batchNorm(
      Scope scope,
      int propagation,
      dnnl_memory_desc source,
      dnnl_memory_desc target,
      double epsilon,
      int flags) {
    dnnl_primitive_desc desc = new dnnl_primitive_desc();
    check(
        dnnl_batch_normalization_forward_primitive_desc_create(
            desc, engine, propagation, source, target, (float) epsilon, flags, attributes(scope)),
        "planning a batch norm");
    return scope.own(desc);
  }

  static dnnl_primitive_desc batchNormBackward(
      Scope scope,
      dnnl_memory_desc gradient,
      dnnl_memory_desc source,
      double epsilon,
      int flags,
      dnnl_primitive_desc forward) {
    dnnl_primitive_desc desc = new dnnl_primitive_desc();
    check(
        dnnl_batch_normalization_backward_primitive_desc_create(
            desc,
            engine,
            dnnl_backward,
            gradient,
            gradient,
            source,
            (float) epsilon,
            flags,
            forward,
            attributes(scope)),
        "planning the gradient of a batch norm");
    return scope.own(desc);
  }

  /** The sum of two tensors, then ReLU if wanted. */
  static dnnl_primitive_desc add(
      Scope scope, dnnl_memory_desc a, dnnl_memory_desc b, dnnl_memory_desc target, boolean relu) {
    dnnl_primitive_attr attr = attributes(scope, Residual.NONE, target, relu);
    return binary(scope, dnnl_binary_add, a, b, target, attr);
  }

  private static dnnl_primitive_desc binary(
      Scope scope,
      int algorithm,
      dnnl_memory_desc a,
      dnnl_memory_desc b,
      dnnl_memory_desc target,
      dnnl_primitive_attr attr) {
    dnnl_primitive_desc desc = new dnnl_primitive_desc();
    check(
        dnnl_binary_primitive_desc_create(desc, engine, algorithm, a, b, target, attr),
        "planning an addition");
    return scope.own(desc);
  }

  /**
   * (source - mean) * slope + shift + target, in place of the target; all but source and target are
   * rows of a value per channel.
   */
  static dnnl_primitive_desc centredAffineSum(
      Scope scope, dnnl_memory_desc tensor, dnnl_memory_desc row) {
    dnnl_post_ops ops = postOperations(scope);
    check(dnnl_post_ops_append_binary(ops, dnnl_binary_mul, row), "fusing a product");
    check(dnnl_post_ops_append_binary(ops, dnnl_binary_add, row), "fusing a sum");
    check(dnnl_post_ops_append_binary(ops, dnnl_binary_add, tensor), "fusing a sum");
    return binary(scope, dnnl_binary_sub, tensor, row, tensor, attributes(scope, ops));
  }

  static dnnl_primitive_desc relu(Scope scope, int propagation, dnnl_memory_desc desc) {
    dnnl_primitive_desc relu = new dnnl_primitive_desc();
    check(
        dnnl_eltwise_forward_primitive_desc_create(
            relu,
            engine,
            propagation,
            dnnl_eltwise_relu_use_dst_for_bwd,
            desc,
            desc,
            0f,
            0f,
            attributes(scope)),
        "planning a ReLU");
    return scope.own(relu);
  }

  /** ReLU's gradient from its result. */
  static dnnl_primitive_desc reluBackward(
      Scope scope, dnnl_memory_desc desc, dnnl_primitive_desc forward) {
    dnnl_primitive_desc relu = new dnnl_primitive_desc();
    check(
        dnnl_eltwise_backward_primitive_desc_create(
            relu,
            engine,
            dnnl_eltwise_relu_use_dst_for_bwd,
            desc,
            desc,
            desc,
            0f,
            0f,
            forward,
            attributes(scope)),
        "planning the gradient of a ReLU");
    return scope.own(relu);
  }

  /** target = source weights + bias, with matrices (rows, inner) (inner, columns) (1, columns). */
  static dnnl_primitive_desc matmul(
      Scope scope,
      dnnl_memory_desc source,
      dnnl_memory_desc weights,
      @Nullable dnnl_memory_desc bias,
      dnnl_memory_desc target) {
    dnnl_primitive_desc desc = new dnnl_primitive_desc();
    check(
        dnnl_matmul_primitive_desc_create(
            desc, engine, source, weights, bias, target, attributes(scope)),
        "planning a matrix product");
    return scope.own(desc);
  }

  /** A copy into another type or layout. */
  static dnnl_primitive_desc reorder(Scope scope, dnnl_memory_desc from, dnnl_memory_desc to) {
    dnnl_primitive_desc desc = new dnnl_primitive_desc();
    check(
        dnnl_reorder_primitive_desc_create(desc, from, engine, to, engine, attributes(scope)),
        "planning a change of layout");
    return scope.own(desc);
  }

  private static long[] pair(long value) {
    return new long[] {value, value};
  }

  // What a primitive descriptor chose.

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
      check(
          dnnl_primitive_desc_query(desc, dnnl_query_impl_info_str, 0, name),
          "asking for a primitive's name");
      return name.get(BytePointer.class, 0).getString();
    }
  }

  /** The same of a primitive. */
  static String implementation(dnnl_primitive primitive) {
    dnnl_primitive_desc desc = new dnnl_primitive_desc();
    check(dnnl_primitive_get_primitive_desc(primitive, desc), "asking what a primitive is");
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
      check(
          dnnl_primitive_desc_query(desc, dnnl_query_primitive_kind, 0, kind),
          "asking for a primitive's kind");
      return kind.get();
    }
  }

  private static dnnl_memory_desc query(dnnl_primitive_desc desc, int what) {
    return dnnl_primitive_desc_query_md(desc, what, 0);
  }

  static dnnl_primitive primitive(Scope scope, dnnl_primitive_desc desc) {
    dnnl_primitive primitive = new dnnl_primitive();
    check(dnnl_primitive_create(primitive, desc), "generating code for a primitive");
    return scope.own(primitive);
  }
}
