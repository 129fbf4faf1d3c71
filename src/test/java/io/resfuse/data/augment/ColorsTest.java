package io.resfuse.data.augment;

import static org.assertj.core.api.Assertions.assertThat;

import io.resfuse.data.Expected;
import io.resfuse.data.SyntheticImages;
import io.resfuse.data.image.Image;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class ColorsTest {
  static Stream<String[]> equalsTorchvisionBitForBit() {
    return Expected.table("colors.txt").stream();
  }

  @ParameterizedTest(name = "{1} {2} of {0}")
  @MethodSource
  void equalsTorchvisionBitForBit(String source, String change, double factor, String crc) {
    Image image = SyntheticImages.load(source);
    Image changed =
        switch (change) {
          case "brightness" -> Colors.brightness(image, factor);
          case "contrast" -> Colors.contrast(image, factor);
          case "saturation" -> Colors.saturation(image, factor);
          default -> Colors.hue(image, factor);
        };
    assertThat(Expected.crc(changed.pixels())).isEqualTo(crc);
  }
}
