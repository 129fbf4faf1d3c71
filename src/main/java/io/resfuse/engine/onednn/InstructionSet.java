package io.resfuse.engine.onednn;

import static org.bytedeco.dnnl.global.dnnl.*;

import io.resfuse.platform.Platform;
import java.util.Arrays;

/**
 * The instruction set that oneDNN generates code for: the CPU's, or less where the environment
 * variable {@code ONEDNN_MAX_CPU_ISA} says so. Layouts follow from it, never from a kind of
 * machine.
 */
enum InstructionSet {
  /** AMX with fp16. */
  AMX_FP16(dnnl_cpu_isa_avx10_1_512_amx_fp16, "AMX with fp16", 16),
  /** AMX. */
  AMX(dnnl_cpu_isa_avx10_1_512_amx, "AMX", 16),
  /** AVX10.1 at 512 bits, that is AVX-512 with bf16 and fp16. */
  AVX10(dnnl_cpu_isa_avx10_1_512, "AVX10.1", 16),
  /** AVX-512 that multiplies bf16. */
  AVX512_BF16(dnnl_cpu_isa_avx512_core_bf16, "AVX-512 with bf16", 16),
  /** AVX-512 with products of bytes. */
  AVX512_VNNI(dnnl_cpu_isa_avx512_core_vnni, "AVX-512 with VNNI", 16),
  /** AVX-512. */
  AVX512(dnnl_cpu_isa_avx512_core, "AVX-512", 16),
  /** AVX2 that converts bf16 and fp16. */
  AVX2_VNNI_2(dnnl_cpu_isa_avx2_vnni_2, "AVX2 with VNNI and conversions", 8),
  /** AVX2 with products of bytes. */
  AVX2_VNNI(dnnl_cpu_isa_avx2_vnni, "AVX2 with VNNI", 8),
  /** AVX2. */
  AVX2(dnnl_cpu_isa_avx2, "AVX2", 8),
  /** AVX, which has no fused multiplication and addition. */
  AVX(dnnl_cpu_isa_avx, "AVX", 8),
  /** SSE4.1, the least that oneDNN generates code for. */
  SSE41(dnnl_cpu_isa_sse41, "SSE4.1", 4),
  /** What oneDNN has no x86 name for: an older or another processor. */
  OTHER(0, Platform.current().architecture(), 4);

  private static final InstructionSet effective = find(dnnl_get_effective_cpu_isa());

  private final int bits;
  private final String label;
  private final int vectorFloats;

  InstructionSet(int bits, String label, int vectorFloats) {
    this.bits = bits;
    this.label = label;
    this.vectorFloats = vectorFloats;
  }

  /** The one in use; oneDNN must be loaded. */
  static InstructionSet effective() {
    return effective;
  }

  private static InstructionSet find(int isa) {
    boolean x86 = Platform.current().architecture().equals("x86_64");
    return Arrays.stream(values())
        .filter(one -> x86 && (isa & one.bits) == one.bits)
        .findFirst()
        .orElse(OTHER);
  }

  /**
   * Whether it adds products of bytes in 32 bits. Without that two of them are added in 16 bits,
   * which are enough for weights of 7 bits only.
   */
  boolean hasByteProducts() {
    return switch (this) {
      case AMX_FP16, AMX, AVX10, AVX512_BF16, AVX512_VNNI, AVX2_VNNI_2, AVX2_VNNI -> true;
      case AVX512, AVX2, AVX, SSE41, OTHER -> false;
    };
  }

  /** How many float32 values a vector register has. */
  int vectorFloats() {
    return vectorFloats;
  }

  @Override
  public String toString() {
    return label;
  }
}
