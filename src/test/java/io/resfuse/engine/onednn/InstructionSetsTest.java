package io.resfuse.engine.onednn;

import static org.assertj.core.api.Assertions.assertThat;
import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_SRC;

import java.util.List;
import java.util.Locale;
import org.bytedeco.dnnl.dnnl_memory_desc;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Whatever instruction set a CPU has, no ResNet runs on oneDNN's reference loops: each set that
 * this CPU has, too, is tried in a process of its own.
 */
class InstructionSetsTest {
  /** By the values of ONEDNN_MAX_CPU_ISA, with the layouts that the networks must get. */
  @ParameterizedTest
  @CsvSource({
    "SSE41, SSE41, NHWC",
    "AVX2, AVX2, nChw8c",
    "AVX2_VNNI, AVX2_VNNI, nChw8c",
    "AVX512_CORE, AVX512, nChw16c",
    "AVX512_CORE_VNNI, AVX512_VNNI, nChw16c",
    "AVX512_CORE_BF16, AVX512_BF16, nChw16c",
    "AVX512_CORE_FP16, AVX10, nChw16c",
    "AVX512_CORE_AMX, AMX, nChw16c",
  })
  void noResNetRunsOnReferenceLoops(String most, InstructionSet expected, String format)
      throws Exception {
    List<String> lines = WithInstructions.run(Implementations.class, most, expected);
    assertThat(lines).hasSizeGreaterThanOrEqualTo(2 * Implementations.variants().size());
    for (String line : lines) {
      List<String> names = List.of(line.replaceAll(".*\\{|\\}.*", "").split("=[0-9]+(, )?"));
      assertThat(names).as(line).isNotEmpty().noneMatch(PrimitiveDescs::isReference);
    }
    assertThat(lines)
        .anyMatch(line -> line.startsWith("resnet50 training fp32 in " + format + " "));
    assertThat(lines)
        .anyMatch(line -> line.startsWith("resnet20 training fp32 in " + format + " "));
  }

  @Test
  void referenceLoopsAreKnownByTheirNames() {
    assertThat(List.of("ref:any", "gemm:ref", "brg:avx2+ref:any"))
        .allMatch(PrimitiveDescs::isReference);
    assertThat(List.of("jit:avx2", "simple_nchw:any", "x64:gemm:jit", "bnorm_jit:avx512_core"))
        .noneMatch(PrimitiveDescs::isReference);
  }

  /** The line names the heaviest of the layers, the instruction set, and what would help. */
  @Test
  void slowPlansSaySo() {
    String line;
    try (Scope scope = new Scope()) {
      line =
          SlowSteps.line(
              "training net",
              TrainingFormat.CHANNELS_LAST,
              List.of(slow(scope, "a", "ref:any", 3), slow(scope, "conv", "gemm:ref", 7)));
    }
    assertThat(line)
        .startsWith("onednn: training net is slow here: for conv and 1 more steps oneDNN ")
        .contains("has no kernel for " + InstructionSet.effective(), "(gemm:ref)", "may help");
    assertThat(line.toLowerCase(Locale.ROOT)).doesNotContain("\n");
  }

  private record Operand(int index, dnnl_memory_desc desc) implements Implementation.Operand {}

  private static Implementation slow(Scope scope, String step, String name, int work) {
    Operand source = new Operand(DNNL_ARG_SRC, Dnnl.vector(scope, work));
    return new Implementation(step, name, List.of(source));
  }
}
