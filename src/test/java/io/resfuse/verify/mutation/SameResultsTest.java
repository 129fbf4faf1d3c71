package io.resfuse.verify.mutation;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

/** Which mutants are told to change no result: those of some idioms, and no others. */
class SameResultsTest {
  private static Map<String, String> explained(String... lines) {
    return explainedIn("k", lines);
  }

  private static Map<String, String> explainedIn(String name, String... lines) {
    String body = "(\n)\n{\n\t" + String.join("\n\t", lines) + "\n\tret;\n}\n";
    String text = ".version 7.0\n.visible .entry " + name + body;
    PtxKernel kernel = PtxKernel.of(text).get(0);
    SameResults results = new SameResults(kernel);
    Map<String, String> why = new TreeMap<>();
    for (Mutant mutant : kernel.mutants()) {
      String reason = results.why(mutant);
      if (reason != null) {
        why.put(mutant.change(), reason);
      }
    }
    return why;
  }

  @Test
  void theSignOfAQuotientIsNothing() {
    assertThat(
            explained(
                "ld.param.u32 %r1, [k_param_0];",
                "shr.s32 %r2, %r1, 31;",
                "shr.u32 %r3, %r2, 29;",
                "add.s32 %r4, %r1, %r3;",
                "shr.s32 %r5, %r4, 3;"))
        .containsOnlyKeys(
            "shr.s32 %r2, %r1, 31; -> shr.s32 %r2, %r1, 32;",
            "shr.s32 %r2, %r1, 31; -> shr.s32 %r2, %r1, 30;",
            "shr.u32 %r3, %r2, 29; -> shr.u32 %r3, %r2, 30;",
            "shr.u32 %r3, %r2, 29; -> shr.u32 %r3, %r2, 28;",
            "shr.u32 %r3, %r2, 29; -> shl.b32 %r3, %r2, 29;",
            "add.s32 %r4, %r1, %r3; -> sub.s32 %r4, %r1, %r3;");
    assertThat(explained("shr.u64 %rd2, %rd1, 63;", "add.s64 %rd3, %rd1, %rd2;"))
        .containsOnlyKeys(
            "shr.u64 %rd2, %rd1, 63; -> shr.u64 %rd2, %rd1, 64;",
            "shr.u64 %rd2, %rd1, 63; -> shr.u64 %rd2, %rd1, 62;",
            "add.s64 %rd3, %rd1, %rd2; -> sub.s64 %rd3, %rd1, %rd2;");
  }

  @Test
  void otherShiftsAndSumsCount() {
    // Not added to the number itself; not the sign; written twice.
    for (List<String> lines :
        List.of(
            List.of("shr.s32 %r2, %r1, 31;", "add.s32 %r4, %r9, %r2;"),
            List.of("shr.s32 %r2, %r1, 30;", "shr.u32 %r3, %r2, 29;", "add.s32 %r4, %r1, %r3;"),
            List.of("shr.s32 %r2, %r1, 31;", "mov.u32 %r2, 7;", "add.s32 %r4, %r1, %r2;"))) {
      assertThat(explained(lines.toArray(String[]::new))).as("%s", lines).isEmpty();
    }
  }

  @Test
  void bothWaysToAQuotientAreRight() {
    String[] way = {
      "or.b64 %rd3, %rd1, %rd2;",
      "and.b64 %rd4, %rd3, -4294967296;",
      "setp.eq.s64 %p1, %rd4, 0;",
      "@%p1 bra $L__BB0_1;"
    };
    assertThat(explained(way))
        .containsOnlyKeys(
            "or.b64 %rd3, %rd1, %rd2; -> and.b64 %rd3, %rd1, %rd2;",
            "and.b64 %rd4, %rd3, -4294967296; -> or.b64 %rd4, %rd3, -4294967296;",
            "setp.eq.s64 %p1, %rd4, 0; -> setp.eq.s64 %p1, %rd4, 1;",
            "setp.eq.s64 %p1, %rd4, 0; -> setp.eq.s64 %p1, %rd4, -1;",
            "setp.eq.s64 %p1, %rd4, 0; -> setp.ne.s64 %p1, %rd4, 0;",
            "setp.eq.s64 %p1, %rd4, 0; -> setp.eq.s64 %p1, %rd3, 0;",
            "@%p1 bra $L__BB0_1; -> @!%p1 bra $L__BB0_1;",
            "@%p1 bra $L__BB0_1; -> (left out)");
    // What decides something else as well, by other bits or the other way round.
    assertThat(explained(way[0], way[1], way[2], way[3], "st.global.u64 [%rd9], %rd3;"))
        .doesNotContainKey("or.b64 %rd3, %rd1, %rd2; -> and.b64 %rd3, %rd1, %rd2;");
    assertThat(explained(way[0], way[1], way[2], way[3], "selp.b32 %r1, 1, 0, %p1;")).isEmpty();
    assertThat(explained(way[1], way[2], "@!%p1 bra $L__BB0_1;"))
        .doesNotContainKey("@!%p1 bra $L__BB0_1; -> (left out)");
    assertThat(explained("and.b64 %rd4, %rd3, -65536;", way[2], way[3])).isEmpty();
    assertThat(explained(way[2], way[3])).isEmpty();
  }

  @Test
  void masksOfZerosMayHaveAnyBits() {
    assertThat(explained("shl.b32 %r2, %r1, 3;", "and.b32 %r3, %r2, 48;"))
        .containsOnlyKeys("and.b32 %r3, %r2, 48; -> and.b32 %r3, %r2, 49;");
    assertThat(explained("shl.b32 %r2, %r1, 3;", "and.b32 %r3, %r2, 24;"))
        .containsOnlyKeys("and.b32 %r3, %r2, 24; -> and.b32 %r3, %r2, 25;");
    assertThat(explained("mov.u32 %r2, %r1;", "and.b32 %r3, %r2, 48;")).isEmpty();
  }

  @Test
  void aFirstSquareNeedsNoSum() {
    String zero = "mov.f32 %f1, 0f00000000;";
    assertThat(explained(zero, "fma.rn.f32 %f3, %f2, %f2, %f1;"))
        .containsOnlyKeys("fma.rn.f32 %f3, %f2, %f2, %f1; -> mul.rn.f32 %f3, %f2, %f2;");
    assertThat(explained(zero, "fma.rn.f32 %f4, %f2, %f3, %f1;")).isEmpty();
    assertThat(explained(zero, "mov.f32 %f1, %f9;", "fma.rn.f32 %f3, %f2, %f2, %f1;")).isEmpty();
    assertThat(explained("mov.f32 %f1, 0f3F800000;", "fma.rn.f32 %f3, %f2, %f2, %f1;")).isEmpty();
  }

  @Test
  void infinityNeedsNoRounding() {
    String infinity = "mov.f32 %f1, 0fFF800000;";
    assertThat(explained(infinity, "{ cvt.rn.f16x2.f32 %r1, %f1, %f1; }"))
        .containsOnlyKeys("cvt.rn.f16x2.f32 %r1, %f1, %f1; -> cvt.rz.f16x2.f32 %r1, %f1, %f1;");
    assertThat(explained(infinity, "{ cvt.rn.f16x2.f32 %r1, %f1, %f2; }")).isEmpty();
    // The largest halves are below: cut off, it is one of them.
    assertThat(explained("mov.f32 %f1, 0f7F000000;", "{ cvt.rn.f16x2.f32 %r1, %f1, %f1; }"))
        .isEmpty();
  }

  @Test
  void aTapThatThereIsNotMayHaveABit() {
    String[] loop = {
      "mov.u32 %r1, 0;",
      "mad.lo.s32 %r2, %r9, %r1, %r8;",
      "setp.lt.u32 %p1, %r2, %r7;",
      "selp.u32 %r3, 1, 0, %p1;",
      "shl.b32 %r4, %r3, %r1;",
      "or.b32 %r5, %r4, %r5;",
      "add.s32 %r1, %r1, 1;",
      "setp.lt.s32 %p2, %r1, %r6;",
    };
    String more = "setp.lt.s32 %p2, %r1, %r6; -> setp.le.s32 %p2, %r1, %r6;";
    assertThat(explainedIn("wgrad_f16_64x64", loop)).containsOnlyKeys(more);
    assertThat(explainedIn("maxPool_f16", loop)).isEmpty();
    // Columns come behind rows.
    List<String> columns = new ArrayList<>(List.of(loop));
    columns.set(4, "add.s32 %r10, %r1, 16;");
    columns.add(5, "shl.b32 %r4, %r3, %r10;");
    assertThat(explainedIn("conv_f16_64x64", columns.toArray(String[]::new)))
        .containsOnlyKeys(more);
    // The tap's number, or its place, is used for something else.
    for (String other :
        List.of("st.shared.u32 [%r20], %r1;", "mul.lo.s32 %r11, %r1, 8;", "mov.u32 %r12, %r2;")) {
      List<String> lines = new ArrayList<>(List.of(loop));
      lines.add(other);
      assertThat(explainedIn("conv_f16_64x64", lines.toArray(String[]::new))).as(other).isEmpty();
    }
    // No bit is set.
    loop[4] = "add.s32 %r4, %r3, %r3;";
    assertThat(explainedIn("conv_f16_64x64", loop)).isEmpty();
  }

  @Test
  void onlyAGpuShowsThatAReadersFenceIsMissing() {
    String[] reader = {"atom.global.add.u32 %r1, [%rd1], 1;", "membar.gl;", "bar.sync 0;"};
    assertThat(explained(reader)).containsOnlyKeys("membar.gl; -> (left out)");
    assertThat(explained("membar.gl;", "atom.global.add.u32 %r1, [%rd1], 1;")).isEmpty();
  }
}
