package io.resfuse;

import static org.assertj.core.api.Assertions.assertThat;

import io.resfuse.data.image.Image;
import io.resfuse.tensor.HostTensor;
import io.resfuse.tensor.Shape;
import org.junit.jupiter.api.Test;

/** Against numbers worked out by hand. */
class PixelClassesTest {
  private static final byte NONE = (byte) 255;

  private static byte[] map(int width, int height, Shape logits, float... values) {
    Image map = PixelClasses.of(HostTensor.of(logits, values), width, height);
    assertThat(map.width()).isEqualTo(width);
    assertThat(map.height()).isEqualTo(height);
    return map.pixels();
  }

  @Test
  void theLargestDecidesTheFirstOfEqualOnes() {
    float nan = Float.NaN;
    Shape shape = Shape.of(1, 3, 1, 3);
    assertThat(map(3, 1, shape, 1, 0, 2, 0, 1, 2, 0, 2, -1)).containsExactly(0, 2, 0);
    Shape pixel = Shape.of(1, 3, 1, 1);
    assertThat(map(1, 1, pixel, nan, -5, nan)).containsExactly(1);
    assertThat(map(1, 1, pixel, nan, nan, nan)).containsExactly(NONE);
  }

  /** Between 0 and 1 the centres of four pixels are at 0, 0.25, 0.75 and 1. */
  @Test
  void logitsAreResizedBetweenCentres() {
    for (int turned = 0; turned < 2; turned++) {
      Shape shape = turned == 0 ? Shape.of(1, 2, 1, 2) : Shape.of(1, 2, 2, 1);
      int width = turned == 0 ? 4 : 1;
      assertThat(map(width, 4 / width, shape, 0, 0, -1, 2.9f)).containsExactly(0, 0, 1, 1);
      assertThat(map(width, 4 / width, shape, 0, 0, -1, 3.1f)).containsExactly(0, 1, 1, 1);
      assertThat(map(width, 4 / width, shape, 0, 0, -3.1f, 1)).containsExactly(0, 0, 0, 1);
    }
    // Both ways at once: 0.75 * 0.25 of 1 is in the corner next to it.
    assertThat(map(4, 4, Shape.of(1, 2, 2, 2), 0.18f, 0.18f, 0.18f, 0.18f, 0, 0, 1, 0))
        .containsExactly(0, 0, 0, 0, 1, 1, 0, 0, 1, 1, 1, 0, 1, 1, 1, 0);
  }

  @Test
  void picturesSmallerThanTheLogits() {
    assertThat(map(2, 1, Shape.of(1, 2, 1, 4), 0, 0, 0, 0, -1, 3, -1, 0.5f)).containsExactly(1, 0);
  }
}
