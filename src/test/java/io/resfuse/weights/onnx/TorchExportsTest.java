package io.resfuse.weights.onnx;

import static org.assertj.core.api.Assertions.assertThat;

import io.resfuse.engine.Engine;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.Engines;
import io.resfuse.model.ResNetConfig;
import io.resfuse.model.ResNetConfig.Shortcut;
import io.resfuse.tensor.Shape;
import io.resfuse.weights.ModelFile;
import io.resfuse.weights.format.OnnxModel;
import io.resfuse.weights.format.WeightFormat;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Files that torch.onnx.export of PyTorch 1.13 made (TorchScript; {@code make_onnx_files.py} is
 * beside them), against PyTorch's logits and ONNX Runtime's.
 */
class TorchExportsTest {
  private static final double TOLERANCE = 1e-5;

  /** Weights of 16 bits are rounded after PyTorch has computed. */
  private static final double TOLERANCE_OF_HALF = 2e-3;

  private static final Engine reference = Engines.open("reference", new EngineOptions(2, ""));

  @AfterAll
  static void close() {
    reference.close();
  }

  static Path file(String name) {
    try {
      return Path.of(
          Objects.requireNonNull(TorchExportsTest.class.getResource(name), name).toURI());
    } catch (URISyntaxException e) {
      throw new IllegalArgumentException(name, e);
    }
  }

  /** Element i is (37 i mod 101) / 50 - 1. */
  static float[] images(int count) {
    float[] images = new float[count];
    for (int i = 0; i < count; i++) {
      images[i] = i * 37 % 101 / 50f - 1;
    }
    return images;
  }

  private static Map<String, List<String>> expected() throws IOException {
    Map<String, List<String>> lines = new LinkedHashMap<>();
    for (String line : Files.readAllLines(file("expected.txt"))) {
      List<String> fields = List.of(line.split(" ", -1));
      lines.put(fields.get(0), fields.subList(1, fields.size()));
    }
    return lines;
  }

  @ParameterizedTest
  @CsvSource({
    "cifar-a-opset11, resnet14_cifar, 13",
    "cifar-a-unfolded, resnet8_cifar, 0",
    "cifar-a-opset16, resnet8_cifar, 7",
    "cifar-b-opset9, resnet8_cifar, 9",
    "basic-opset13, resnet10_imagenet, 0",
    "bottleneck-opset9, resnet14_imagenet, 15",
    "bottleneck-softmax, resnet14_imagenet, 15",
    "resnext, resnet14_imagenet, 0",
    "dilated, resnet14_imagenet, 15",
    "half, resnet8_cifar, 9",
    "gated, seresnet10_imagenet, 10",
  })
  void givesTheLogitsOfPyTorch(String name, String network, int folded) throws IOException {
    Path file = file(name + ".onnx");
    List<String> line = Objects.requireNonNull(expected().get(name), name);
    int size = Integer.parseInt(line.get(0));
    double[] scores = line.stream().skip(1).mapToDouble(Double::parseDouble).toArray();
    ModelFile model = ModelFile.open(file);
    assertThat(model.network().name()).isEqualTo(network);
    Shape shape = Shape.of(2, 3, size, size);
    double[] ours = Runs.logits(reference, model, shape, images((int) shape.elements()));
    if (name.endsWith("softmax")) {
      ours = softmax(ours, 5);
    }
    assertThat(model.report().isExact()).isTrue();
    assertThat(model.file().metadata().get(OnnxModel.ABOUT)).endsWith("made by pytorch 1.13.0");
    if (folded > 0) {
      assertThat(model.report().notes().toString())
          .contains(folded + " batch norms had been folded");
    } else {
      assertThat(model.report().notes().toString()).doesNotContain("folded");
    }
    boolean half = name.equals("half");
    assertThat(Runs.difference(ours, scores)).isLessThan(half ? TOLERANCE_OF_HALF : TOLERANCE);
    if (!half) {
      float[] theirs = OnnxRuntime.run(file, shape, images((int) shape.elements()));
      assertThat(Runs.difference(ours, Runs.doubles(theirs))).isLessThan(TOLERANCE);
    }
  }

  static double[] softmax(double[] logits, int classes) {
    double[] result = new double[logits.length];
    for (int row = 0; row < logits.length; row += classes) {
      double largest = Arrays.stream(logits, row, row + classes).max().orElseThrow();
      double[] exps = new double[classes];
      for (int i = 0; i < classes; i++) {
        exps[i] = Math.exp(logits[row + i] - largest);
      }
      double sum = Arrays.stream(exps).sum();
      for (int i = 0; i < classes; i++) {
        result[row + i] = exps[i] / sum;
      }
    }
    return result;
  }

  @Test
  void readsTheirStructure() {
    ModelFile a = ModelFile.open(file("cifar-a-unfolded.onnx"));
    assertThat(a.file().format()).isEqualTo(WeightFormat.ONNX);
    assertThat(((ResNetConfig) a.config()).shortcut()).isEqualTo(Shortcut.IDENTITY);
    assertThat(((ResNetConfig) a.config()).variant().widths()).containsExactly(4, 8, 16);
    assertThat(a.config().classes()).isEqualTo(5);
    ModelFile b = ModelFile.open(file("cifar-b-opset9.onnx"));
    assertThat(((ResNetConfig) b.config()).shortcut()).isEqualTo(Shortcut.PROJECTION);
    assertThat(b.report().notes().toString())
        .contains("its batch was fixed to 2", "its mean over a window");
    ModelFile grouped = ModelFile.open(file("resnext.onnx"));
    assertThat(((ResNetConfig) grouped.config()).variant().groups()).isEqualTo(2);
    assertThat(((ResNetConfig) grouped.config()).variant().widthPerGroup()).isEqualTo(64);
    assertThat(((ResNetConfig) ModelFile.open(file("dilated.onnx")).config()).dilateStages())
        .containsExactly(true);
    assertThat(ModelFile.open(file("bottleneck-softmax.onnx")).report().notes().toString())
        .contains("the Softmax at its end is left out");
  }
}
