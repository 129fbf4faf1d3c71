package io.resfuse.engine.cuda.internal.tiles;

import static org.assertj.core.api.Assertions.assertThat;

import io.resfuse.engine.cuda.internal.driver.Device;
import io.resfuse.engine.cuda.internal.kernels.ElementType;
import org.junit.jupiter.api.Test;

/** Choices on an A100 for layers whose best tiles are no secret. */
class TileChoiceTest {
  private static final Device A100 =
      new Device(0, "A100", 80, 108, 40L << 30, 166912, 167936, 2048);

  private static String product(long rows, int columns, int terms) {
    TileChoice choice = TileChoice.forProduct(rows, columns, 1, terms, ElementType.F16, A100);
    return choice.tile() + "/" + choice.slices();
  }

  @Test
  void manyRowsTakeTheLargestTile() {
    assertThat(product(256L * 28 * 28, 128, 1152)).isEqualTo("128x128/1");
    assertThat(product(256L * 14 * 14, 1024, 256)).isEqualTo("128x128/1");
  }

  @Test
  void fewOutputsTakeNarrowTiles() {
    assertThat(product(256L * 56 * 56, 64, 576)).isEqualTo("128x64/1");
    assertThat(product(256L * 32 * 32, 16, 144)).isEqualTo("128x32/1");
  }

  @Test
  void smallBatchesAreCutIntoSlices() {
    assertThat(product(49, 512, 4608)).isEqualTo("64x64/13");
    assertThat(product(49, 8, 8)).endsWith("/1");
  }

  @Test
  void weightGradientsFillTheDevice() {
    TileChoice early = TileChoice.forWeights(64, 576, 1, 256L * 56 * 56, ElementType.F16, A100);
    assertThat(early.slices()).isBetween(20, 60);
    assertThat(early.tile()).hasToString("64x128");
    TileChoice late = TileChoice.forWeights(512, 4608, 1, 256L * 7 * 7, ElementType.F16, A100);
    assertThat(late.slices()).isBetween(1, 4);
  }
}
