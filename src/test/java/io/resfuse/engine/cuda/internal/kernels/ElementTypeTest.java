package io.resfuse.engine.cuda.internal.kernels;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.junit.jupiter.api.Test;

/** Rounding and bits of the stored types, on values whose bits are known. */
class ElementTypeTest {
  private static int bits(ElementType type, double value) {
    ByteBuffer buffer = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN);
    type.put(value, buffer, 1);
    return type.bytes() == 2 ? buffer.getShort(2) & 0xffff : buffer.getInt(4);
  }

  @Test
  void halves() {
    assertThat(bits(ElementType.F16, 1)).isEqualTo(0x3c00);
    assertThat(bits(ElementType.F16, -2.5)).isEqualTo(0xc100);
    assertThat(bits(ElementType.F16, 65504)).isEqualTo(0x7bff);
    assertThat(bits(ElementType.F16, 65520)).isEqualTo(0x7c00);
    assertThat(bits(ElementType.F16, 65519.9)).isEqualTo(0x7bff);
    assertThat(bits(ElementType.F16, 0x1p-24)).isEqualTo(1);
    assertThat(bits(ElementType.F16, 0x1p-25)).isEqualTo(0);
    assertThat(bits(ElementType.F16, 3 * 0x1p-25)).isEqualTo(2);
    assertThat(bits(ElementType.F16, 0x1p-14)).isEqualTo(0x400);
    assertThat(bits(ElementType.F16, 1 + 0x1p-11)).isEqualTo(0x3c00);
    assertThat(bits(ElementType.F16, 1 + 3 * 0x1p-11)).isEqualTo(0x3c02);
    // Through float this would be a tie.
    assertThat(bits(ElementType.F16, 1 + 0x1p-11 + 0x1p-40)).isEqualTo(0x3c01);
    assertThat(bits(ElementType.F16, Double.NaN)).isEqualTo(0x7e00);
    assertThat(bits(ElementType.F16, -1e300)).isEqualTo(0xfc00);
  }

  @Test
  void bfloatsAndFloats() {
    assertThat(bits(ElementType.BF16, 1)).isEqualTo(0x3f80);
    assertThat(bits(ElementType.BF16, 1 + 0x1p-8)).isEqualTo(0x3f80);
    assertThat(bits(ElementType.BF16, 1 + 3 * 0x1p-8)).isEqualTo(0x3f82);
    assertThat(bits(ElementType.TF32, 1 + 0x1p-10)).isEqualTo(0x3f802000);
    assertThat(bits(ElementType.TF32, 1 + 0x1p-11)).isEqualTo(0x3f800000);
    assertThat(bits(ElementType.F32, 1 + 0x1p-23)).isEqualTo(0x3f800001);
    assertThat(bits(ElementType.F32, 1e300)).isEqualTo(0x7f800000);
  }
}
