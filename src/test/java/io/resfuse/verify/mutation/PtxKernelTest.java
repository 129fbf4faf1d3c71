package io.resfuse.verify.mutation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.resfuse.engine.cuda.internal.kernels.KernelLibrary;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What is changed in PTX, and which changes are chosen. */
class PtxKernelTest {
  private static final String HEAD = ".version 7.0\n.target sm_80\n.address_size 64\n";
  private static final String BEGIN = "\n.visible .entry one(\n\t.param .b64 one_param_0\n)\n{\n";

  private static PtxKernel kernel(String... lines) {
    String text = HEAD + BEGIN + "\t" + String.join("\n\t", lines) + "\n\tret;\n}\n";
    return PtxKernel.of(text).get(0);
  }

  private static List<String> changes(String operator, String... lines) {
    return kernel(lines).mutants().stream()
        .filter(mutant -> mutant.operator().toString().equals(operator))
        .map(Mutant::after)
        .toList();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          constant | add.s32 %r1, %r2, 5; | add.s32 %r1, %r2, 6;/add.s32 %r1, %r2, 4;/add.s32 %r1, %r2, 0;
          constant | mov.f32 %f1, 0f00000000; | mov.f32 %f1, 0f3F800000;
          predicate | @%p1 bra $L__1; | @!%p1 bra $L__1;
          predicate | @!%p1 bra $L__1; | @%p1 bra $L__1;
          comparison | setp.lt.s32 %p1, %r1, %r2; | setp.le.s32 %p1, %r1, %r2;/setp.ge.s32 %p1, %r1, %r2;
          arithmetic | add.f32 %f1, %f2, %f3; | sub.f32 %f1, %f2, %f3;
          arithmetic | and.pred %p1, %p2, %p3; | or.pred %p1, %p2, %p3;
          addend | fma.rn.f32 %f1, %f2, %f3, %f4; | mul.rn.f32 %f1, %f2, %f3;/fma.rn.f32 %f1, %f2, %f4, %f3;
          shift | shl.b32 %r1, %r2, 4; | shl.b32 %r1, %r2, 5;/shl.b32 %r1, %r2, 3;/shr.u32 %r1, %r2, 4;
          shift | shr.s64 %rd1, %rd2, 2; | shr.s64 %rd1, %rd2, 3;/shr.s64 %rd1, %rd2, 1;/shl.b64 %rd1, %rd2, 2;
          offset | ld.global.v4.f32 {%f1, %f2, %f3, %f4}, [%rd1+16]; | ld.global.v4.f32 {%f1, %f2, %f3, %f4}, [%rd1+32];/ld.global.v4.f32 {%f1, %f2, %f3, %f4}, [%rd1];
          offset | st.shared.u16 [%r1], %rs1; | st.shared.u16 [%r1+2], %rs1;/st.shared.u16 [%r1+-2], %rs1;
          barrier | bar.sync 0; | ''
          barrier | cp.async.wait_group 2; | /cp.async.wait_group 3;
          removal | st.global.f32 [%rd1], %f1; | ''
          extremum | max.NaN.f32 %f1, %f2, %f3; | min.NaN.f32 %f1, %f2, %f3;/max.f32 %f1, %f2, %f3;
          rounding | { cvt.rn.f16x2.f32 %r1, %f1, %f2; } | cvt.rz.f16x2.f32 %r1, %f1, %f2;
          fragment | ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%r1, %r2, %r3, %r4}, [%r5 + 1024]; | ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%r2, %r1, %r3, %r4}, [%r5 + 1024];
          selection | selp.b32 %r1, %r2, 0, %p1; | selp.b32 %r1, 0, %r2, %p1;
          """)
  void instructionsBecomeOthers(String operator, String line, String expected) {
    assertThat(String.join("/", changes(operator, line))).isEqualTo(expected);
  }

  @Test
  void aSourceIsReplacedByTheRegisterOfItsTypeWrittenLast() {
    assertThat(
            changes(
                "register",
                "mov.u32 %r7, %tid.x;",
                "mov.u64 %rd7, 3;",
                "mov.u32 %r8, %r7;",
                "ld.global.u32 %r1, [%rd1+8];",
                "add.s32 %r2, %r8, %r1;"))
        .containsExactly(
            "ld.global.u32 %r1, [%rd7+8];", "add.s32 %r2, %r7, %r1;", "add.s32 %r2, %r8, %r7;");
  }

  @Test
  void oneLineOfTheFileChangesAndKeepsItsBraces() {
    PtxKernel kernel = kernel("{ cvt.rn.f16.f32 %rs1, %f1; }", ".loc 1 7 3", "bar.sync 0;");
    List<Mutant> mutants = kernel.mutants();
    assertThat(kernel.with(mutants.get(0)))
        .startsWith(HEAD)
        .contains("\n\t{cvt.rz.f16.f32 %rs1, %f1;}\n\tbar.sync 0;\n")
        .doesNotContain(".loc");
    assertThat(mutants.get(0).line()).isEqualTo(9);
    assertThat(kernel.with(mutants.get(1))).doesNotContain("bar.sync");
    assertThat(mutants.get(1).source()).isEqualTo("?:7");
  }

  @Test
  void keysDoNotDependOnLines() {
    String add = "add.s32 %r1, %r2, 1;";
    List<Mutant> first = kernel(add, "bar.sync 0;", add).mutants();
    List<Mutant> moved = kernel("// more", add, "", "bar.sync 0;", add).mutants();
    assertThat(moved).extracting(Mutant::key).isEqualTo(first.stream().map(Mutant::key).toList());
    assertThat(first).extracting(Mutant::key).doesNotHaveDuplicates();
    assertThat(first)
        .extracting(Mutant::key)
        .contains("one | barrier | bar.sync 0; -> (left out) | 1")
        .contains("one | constant | add.s32 %r1, %r2, 1; -> add.s32 %r1, %r2, 2; | 2");
  }

  private static List<PtxKernel> ours() {
    return KernelLibrary.texts().stream().flatMap(ptx -> PtxKernel.of(ptx).stream()).toList();
  }

  @Test
  void mutantsAreSpreadOverKernelsAndOperators() {
    List<PtxKernel> kernels =
        ours().stream().filter(kernel -> kernel.name().contains("f16")).limit(20).toList();
    List<MutantChoice.Share> shares = MutantChoice.of(kernels, 45, 3);
    assertThat(shares).hasSize(20).allMatch(share -> share.wanted() == 2 || share.wanted() == 3);
    Map<Operator, Long> counts =
        shares.stream()
            .flatMap(share -> share.mutants().stream().limit(share.wanted()))
            .collect(Collectors.groupingBy(Mutant::operator, Collectors.counting()));
    assertThat(counts.keySet()).hasSizeGreaterThan(8);
    assertThat(counts.values()).allMatch(count -> count <= 8);
    assertThat(MutantChoice.of(kernels, 45, 3)).isEqualTo(shares);
    assertThat(MutantChoice.of(kernels, 45, 4)).isNotEqualTo(shares);
    assertThat(MutantChoice.of(kernels, 7, 3)).hasSize(7);
  }

  @Test
  void allKernelsAreFoundAndWhatIsExplainedExists() {
    Set<String> names = new HashSet<>();
    Set<String> left = new HashSet<>(Explanations.parse(KernelLibrary.explainedMutants()).keys());
    Set<String> explained =
        left.stream().map(key -> key.split(" ", 2)[0]).collect(Collectors.toSet());
    for (PtxKernel kernel : ours()) {
      names.add(kernel.name());
      if (explained.contains(kernel.name())) {
        kernel.mutants().forEach(mutant -> left.remove(mutant.key()));
      }
    }
    Set<String> manifest =
        KernelLibrary.manifest()
            .lines()
            .filter(line -> line.startsWith("kernel "))
            .map(line -> line.split(" ", -1)[2])
            .collect(Collectors.toSet());
    assertThat(names).isEqualTo(manifest);
    assertThat(left).isEmpty();
  }

  @Test
  void linesWithoutAReasonAreRefused() {
    assertThatThrownBy(() -> Explanations.parse("# so\n\na | b | c -> d | 1\n"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("'a | b | c -> d | 1' is not KERNEL");
    assertThat(Explanations.parse("a | b | c -> d | 1 | why | not").keys())
        .containsExactly("a | b | c -> d | 1");
  }
}
