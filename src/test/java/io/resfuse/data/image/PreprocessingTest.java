package io.resfuse.data.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.resfuse.data.Expected;
import io.resfuse.data.SyntheticImages;
import io.resfuse.tensor.TensorLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class PreprocessingTest {
  static Stream<String[]> equalsTorchvisionBitForBit() {
    return Expected.table("preprocessing.txt").stream();
  }

  @ParameterizedTest(name = "{0} of {1}, {2}, {3}")
  @MethodSource
  void equalsTorchvisionBitForBit(
      String preset, String source, int resize, int crop, String cropCrc, String tensorCrc) {
    Preprocessor preprocessor = Preprocessing.of(preset).withSize(resize, crop).newPreprocessor();
    Image image = SyntheticImages.load(source);
    assertThat(Expected.crc(preprocessor.crop(image).pixels())).isEqualTo(cropCrc);
    int floats = preprocessor.preprocessing().floatsPerImage();
    ByteBuffer bytes = ByteBuffer.allocate(4 * floats).order(ByteOrder.LITTLE_ENDIAN);
    preprocessor.write(image, bytes.asFloatBuffer(), 0, TensorLayout.NCHW);
    assertThat(Expected.crc(bytes.array())).isEqualTo(tensorCrc);
  }

  @ParameterizedTest
  @MethodSource("names")
  void layoutsAndIndicesHoldTheSameValues(String preset) {
    Preprocessing preprocessing = Preprocessing.of(preset).withSize(20, 18);
    Preprocessor preprocessor = preprocessing.newPreprocessor();
    int channels = preprocessing.channels();
    int floats = preprocessing.floatsPerImage();
    FloatBuffer nchw = FloatBuffer.allocate(3 * floats);
    FloatBuffer nhwc = FloatBuffer.allocate(3 * floats);
    Arrays.fill(nchw.array(), Float.NaN);
    Arrays.fill(nhwc.array(), Float.NaN);
    Image image = SyntheticImages.pattern(33, 27, 3);
    preprocessor.write(image, nchw, 1, TensorLayout.NCHW);
    preprocessor.write(image, nhwc, 1, TensorLayout.NHWC);
    for (int c = 0; c < channels; c++) {
      for (int i = 0; i < 18 * 18; i++) {
        assertThat(nhwc.get(floats + i * channels + c)).isEqualTo(nchw.get(floats + c * 324 + i));
      }
    }
    for (int i = 0; i < floats; i++) {
      assertThat(nchw.get(i)).isNaN();
      assertThat(nhwc.get(2 * floats + i)).isNaN();
    }
    assertThat(nchw.position()).isZero();
  }

  static List<String> names() {
    return Preprocessing.names();
  }

  @Test
  void scratchOfOnePictureDoesNotShowInTheNext() {
    Preprocessor reused = Preprocessing.of("torchvision").withSize(40, 64).newPreprocessor();
    for (int size : new int[] {90, 33, 40, 200, 1}) {
      for (int channels : new int[] {3, 1}) {
        Image image = SyntheticImages.pattern(size, 2 * size, channels);
        Preprocessor fresh = Preprocessing.of("torchvision").withSize(40, 64).newPreprocessor();
        assertThat(reused.crop(image).pixels()).isEqualTo(fresh.crop(image).pixels());
      }
    }
  }

  @Test
  void extremeShapesCostNoMemory() {
    Preprocessor preprocessor = Preprocessing.of("torchvision").newPreprocessor();
    for (Image image :
        List.of(
            SyntheticImages.pattern(1, 3_000_000, 3), SyntheticImages.pattern(3_000_000, 1, 3))) {
      assertThat(preprocessor.crop(image).width()).isEqualTo(224);
    }
  }

  @Test
  void anyPresetCanBeBicubic() {
    Preprocessing bicubic = Preprocessing.of("torchvision-bicubic");
    assertThat(bicubic.filter()).isEqualTo(Resampling.BICUBIC);
    assertThat(bicubic.resize()).isEqualTo(256);
    assertThat(bicubic.cropWidth()).isEqualTo(224);
    assertThat(bicubic.normalization()).isEqualTo(Preprocessing.of("torchvision").normalization());
    Preprocessing sized = Preprocessing.of("torchvision-bicubic@235:224");
    assertThat(sized.filter()).isEqualTo(Resampling.BICUBIC);
    assertThat(sized.resize()).isEqualTo(235);
    assertThat(sized.name()).isEqualTo("torchvision-bicubic@235:224");
    assertThatThrownBy(() -> Preprocessing.of("none-bicubic"))
        .hasMessageContaining("no preprocessing is named 'none-bicubic'");
  }

  @Test
  void unknownNamesListTheKnown() {
    assertThatThrownBy(() -> Preprocessing.of("imagenet"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "no preprocessing is named 'imagenet'; there are torchvision, keras-caffe, cifar,"
                + " fashion-mnist, mnist, torchvision-grey, torchvision-rgba, cifar-grey, cifar-rgba");
  }

  @Test
  void badParametersAreRefused() {
    assertThatThrownBy(() -> Preprocessing.of("torchvision").withSize(0, 224))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(
            () ->
                new Normalization(
                    Normalization.Channels.RGB, 255, List.of(0f), List.of(1f, 1f, 1f)))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(
            () -> new Normalization(Normalization.Channels.GREY, 255, List.of(0f), List.of(0f)))
        .isInstanceOf(IllegalArgumentException.class);
    FloatBuffer small = FloatBuffer.allocate(3 * 224 * 224);
    Preprocessor preprocessor = Preprocessing.of("torchvision").newPreprocessor();
    Image image = SyntheticImages.pattern(30, 30, 3);
    assertThatThrownBy(() -> preprocessor.write(image, small, 1, TensorLayout.NCHW))
        .isInstanceOf(IndexOutOfBoundsException.class);
  }
}
