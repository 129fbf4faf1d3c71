package io.resfuse.weights;

import static io.resfuse.weights.format.TestWeights.assertRefused;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.resfuse.engine.Engine;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.Engines;
import io.resfuse.model.ResNetConfig;
import io.resfuse.tensor.Shape;
import io.resfuse.weights.format.TestWeights;
import io.resfuse.weights.format.WeightFormat;
import io.resfuse.weights.format.WeightsException;
import io.resfuse.weights.onnx.Runs;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.zip.ZipEntry;
import java.util.zip.ZipInputStream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Files that Keras 3 wrote (make_keras3_files.py), and what it says of two images. */
class Keras3FilesTest {
  private static final int SIZE = 32;
  private static final int CLASSES = 3;

  @TempDir static Path folder;

  @BeforeAll
  static void unpack() throws IOException {
    try (InputStream in = Files.newInputStream(TestWeights.file("keras3.zip"));
        ZipInputStream zip = new ZipInputStream(in)) {
      for (ZipEntry entry = zip.getNextEntry(); entry != null; entry = zip.getNextEntry()) {
        Files.write(folder.resolve(entry.getName()), zip.readAllBytes());
      }
    }
  }

  private static Path file(String name) {
    return folder.resolve(name);
  }

  /** In NCHW what the script has in NHWC. */
  private static float[] images() {
    float[] images = new float[2 * 3 * SIZE * SIZE];
    int i = 0;
    for (int image = 0; image < 2; image++) {
      for (int pixel = 0; pixel < SIZE * SIZE; pixel++) {
        for (int channel = 0; channel < 3; channel++) {
          images[(image * 3 + channel) * SIZE * SIZE + pixel] = (i++ * 37 % 251) / 250f - 0.5f;
        }
      }
    }
    return images;
  }

  private static double[] softmax(double[] logits) {
    double[] results = new double[logits.length];
    for (int row = 0; row < logits.length; row += CLASSES) {
      double sum = 0;
      for (int i = row; i < row + CLASSES; i++) {
        results[i] = Math.exp(logits[i]);
        sum += results[i];
      }
      for (int i = row; i < row + CLASSES; i++) {
        results[i] /= sum;
      }
    }
    return results;
  }

  @ParameterizedTest
  @CsvSource({
    "whole.keras, KERAS_3, 1.001e-5",
    "whole.weights.h5, KERAS_3, 1.001e-5",
    "unnamed.keras, KERAS_3, 1.001e-5",
    "legacy.h5, KERAS_HDF5, 1.001e-5"
  })
  void givesWhatKerasGives(String name, WeightFormat format, double epsilon) throws IOException {
    ModelFile model = ModelFile.open(file(name));
    assertThat(model.file().format()).isEqualTo(format);
    assertThat(model.report().isExact()).isTrue();
    assertThat(model.network().name()).isEqualTo("resnet11_imagenet");
    assertThat(model.config().epsilon()).isEqualTo(epsilon);
    assertThat(((ResNetConfig) model.config()).strideInFirst1x1()).isTrue();
    assertThat(((ResNetConfig) model.config()).convBias()).isTrue();
    double[] expected =
        Arrays.stream(Files.readString(file("expected.txt")).strip().split(" ", -1))
            .mapToDouble(Double::parseDouble)
            .toArray();
    try (Engine engine = Engines.open("reference", EngineOptions.defaults())) {
      double[] ours = Runs.logits(engine, model, Shape.of(2, 3, SIZE, SIZE), images());
      assertThat(Runs.difference(softmax(ours), expected)).isLessThan(2e-6);
    }
  }

  @Test
  void readsModelsWithinModelsAndLeavesTheOptimizerOut() {
    ModelFile model = ModelFile.open(file("trained.keras"));
    assertThat(model.report().isExact()).isTrue();
    assertThat(model.network().name()).isEqualTo("resnet11_imagenet");
    assertThat(model.file().tensors().keySet())
        .contains("resnet50/conv1_conv/kernel", "resnet50/conv2_block1_0_bn/moving_variance")
        .noneMatch(name -> name.startsWith("optimizer"));
  }

  @Test
  void refusesWhatItCannotTell() {
    assertRefused(
        file("unnamed.weights.h5"),
        "without the layer's name, as early releases of Keras 3 wrote them",
        "model.save('model.keras')");
    assertThatExceptionOfType(WeightsException.class)
        .isThrownBy(() -> ModelFile.open(file("preact.keras")))
        .withMessageContaining("pre-activation ResNet (V2)");
    assertRefused(file("bfloat16.weights.h5"), "has what is not read here, such as bfloat16");
    assertRefused(file("loop.weights.h5"), "contain each other");
    assertRefused(file("link.weights.h5"), "is no data set");
  }

  @Test
  void refusesTruncations() throws IOException {
    for (String name : new String[] {"whole.keras", "unnamed.keras", "whole.weights.h5"}) {
      byte[] whole = Files.readAllBytes(file(name));
      for (int length = 0; length < whole.length; length += 1 + whole.length / 50) {
        assertRefused(Files.write(file("cut"), Arrays.copyOf(whole, length)));
      }
    }
  }
}
