package io.resfuse.engine.onednn;

import static org.assertj.core.api.Assertions.assertThat;
import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_SRC;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.File;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
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
  })
  void noResNetRunsOnReferenceLoops(String most, InstructionSet expected, String format)
      throws Exception {
    List<String> lines = implementations(most);
    String got = lines.get(0);
    assumeTrue(
        got.equals("isa " + expected.name()),
        () -> "this CPU has no " + expected + ", oneDNN uses " + got);
    assertThat(lines.size()).isGreaterThan(2 * Implementations.variants().size());
    for (String line : lines.subList(1, lines.size())) {
      List<String> names = List.of(line.replaceAll(".*\\{|\\}.*", "").split("=[0-9]+(, )?"));
      assertThat(names).as(line).isNotEmpty().noneMatch(PrimitiveDescs::isReference);
    }
    assertThat(lines)
        .anyMatch(line -> line.startsWith("resnet50 training fp32 in " + format + " "));
    assertThat(lines)
        .anyMatch(line -> line.startsWith("resnet20 training fp32 in " + format + " "));
  }

  private static List<String> implementations(String most) throws Exception {
    ProcessBuilder builder =
        new ProcessBuilder(
            System.getProperty("java.home") + File.separator + "bin" + File.separator + "java",
            "-Xmx1g",
            "-cp",
            System.getProperty("java.class.path"),
            Implementations.class.getName());
    builder.environment().put("ONEDNN_MAX_CPU_ISA", most);
    builder.redirectError(ProcessBuilder.Redirect.DISCARD);
    Process process = builder.start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor(5, TimeUnit.MINUTES)).isTrue();
    assertThat(process.exitValue()).as(output).isZero();
    return output.lines().toList();
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
