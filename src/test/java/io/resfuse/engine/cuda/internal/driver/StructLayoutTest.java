package io.resfuse.engine.cuda.internal.driver;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;
import org.junit.jupiter.api.Test;

/** C's rules of alignment. */
class StructLayoutTest {
  record Inner(int a, int b) {}

  record Outer(int first, long second, float third, Inner inner) {}

  record Small(int a, float b, int c) {}

  record Wrong(double x) {}

  @Test
  void fieldsAreAlignedToTheirSizeAndStructsToTheirLargestField() {
    StructLayout layout = StructLayout.of(Outer.class);
    assertThat(layout.fields().stream().map(StructLayout.Field::offset))
        .containsExactly(0, 8, 16, 20, 24);
    assertThat(layout.size()).isEqualTo(32);
    assertThat(StructLayout.of(Small.class).size()).isEqualTo(12);
    assertThatThrownBy(() -> StructLayout.of(Wrong.class)).hasMessageContaining("double");
  }

  @Test
  void valuesLieAtTheirOffsets() {
    Outer values = new Outer(-1, 0x123456789AL, 1.5f, new Inner(7, 8));
    StructLayout layout = StructLayout.of(Outer.class);
    ByteBuffer bytes = layout.write(values);
    assertThat(bytes.getInt(0)).isEqualTo(-1);
    assertThat(bytes.getLong(8)).isEqualTo(0x123456789AL);
    assertThat(bytes.getFloat(16)).isEqualTo(1.5f);
    assertThat(bytes.getInt(20)).isEqualTo(7);
    assertThat(bytes.getInt(24)).isEqualTo(8);
    assertThat(layout.describe(bytes))
        .isEqualTo("Outer{first -1, second 0x123456789a, third 1.5, a 7, b 8}");
    assertThat(layout.offset("b")).isEqualTo(24);
    assertThatThrownBy(() -> layout.offset("inner")).hasMessageContaining("inner");
    assertThatThrownBy(() -> layout.write(new Inner(1, 2))).hasMessageContaining("Outer");
  }

  @Test
  void kernelsAreFoundInPtx() {
    var entries =
        PtxEntries.of(
            """
            .visible .entry one(
            	.param .align 8 .b8 one_param_0[272]
            )
            .maxntid 128, 1, 1
            {
            	ret;
            }
            .visible .entry two(.param .u64 two_param_0, .param .u32 two_param_1) { ret; }
            .visible .entry three(.param .u64 .ptr .align 1 p) { ret; }
            """);
    assertThat(entries).containsOnlyKeys("one", "two", "three");
    assertThat(entries.get("one")).isEqualTo(new PtxEntries.Entry(272, 128));
    assertThat(entries.get("two").parameterBytes()).isEqualTo(-1);
    assertThat(entries.get("three").maxThreads()).isZero();
  }
}
