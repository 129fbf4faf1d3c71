package io.resfuse.data.image;

import static org.assertj.core.api.Assertions.assertThat;

import io.resfuse.data.Expected;
import io.resfuse.data.SyntheticImages;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class ResizeTest {
  static Stream<String[]> equalsPillowBitForBit() {
    return Expected.table("resize.txt").stream();
  }

  @ParameterizedTest(name = "{0} to {1} x {2} {3}")
  @MethodSource
  void equalsPillowBitForBit(String source, int width, int height, Resampling filter, String crc) {
    Image resized = SyntheticImages.load(source).resized(width, height, filter);
    assertThat(Expected.crc(resized.pixels())).isEqualTo(crc);
  }

  @Test
  void aWindowHasTheWholesValues() {
    Image source = SyntheticImages.pattern(101, 67, 3);
    Resampler resampler = new Resampler();
    int[][] sizes = {{31, 90}, {202, 20}, {101, 67}, {101, 33}, {50, 67}};
    for (int[] size : sizes) {
      Image whole = source.resized(size[0], size[1], Resampling.BILINEAR);
      int left = 7;
      int top = 5;
      int width = size[0] - 20;
      int height = size[1] - 9;
      byte[] window = new byte[3 * width * height];
      resampler.resample(
          source,
          new Resampler.Box(0, 0, 101, 67),
          new Resampler.Window(size[0], size[1], left, top, width, height),
          Resampling.BILINEAR,
          window,
          0,
          3 * width);
      assertThat(window).isEqualTo(whole.cropped(left, top, width, height).pixels());
    }
  }

  @Test
  void aBoxIsAPictureOfItsOwn() {
    Image source = SyntheticImages.pattern(101, 67, 3);
    byte[] resized = new byte[3 * 40 * 30];
    new Resampler()
        .resample(
            source,
            new Resampler.Box(11, 13, 50, 20),
            new Resampler.Window(40, 30, 0, 0, 40, 30),
            Resampling.BICUBIC,
            resized,
            0,
            3 * 40);
    assertThat(resized)
        .isEqualTo(source.cropped(11, 13, 50, 20).resized(40, 30, Resampling.BICUBIC).pixels());
  }
}
