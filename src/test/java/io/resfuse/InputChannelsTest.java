package io.resfuse;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.resfuse.batch.BatchOptions;
import io.resfuse.batch.Batcher;
import io.resfuse.batch.RequestOptions;
import io.resfuse.data.image.Image;
import io.resfuse.data.image.ImageDecoder;
import io.resfuse.data.image.PixelScratch;
import io.resfuse.data.image.Preprocessing;
import io.resfuse.data.image.Reduction;
import io.resfuse.engine.Engine;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.Engines;
import io.resfuse.engine.Precision;
import io.resfuse.engine.TrainingOptions;
import io.resfuse.engine.TrainingPlan;
import io.resfuse.engine.cuda.SoftCuda;
import io.resfuse.tensor.HostTensor;
import io.resfuse.tensor.TensorLayout;
import io.resfuse.weights.ModelFile;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Networks with one and with four input channels, from files that PyTorch and its ONNX exporter
 * wrote, are held to what PyTorch says of a picture (make_channel_files.py).
 */
class InputChannelsTest {
  private static final Path PICTURE = Path.of("examples/chelsea.png");

  private static Path file(String name) {
    try {
      return Path.of(
          Objects.requireNonNull(InputChannelsTest.class.getResource(name), name).toURI());
    } catch (URISyntaxException e) {
      throw new IllegalArgumentException(name, e);
    }
  }

  private static double[] expected(String name) throws IOException {
    for (String line : Files.readAllLines(file("channels.txt"))) {
      List<String> fields = List.of(line.split(" ", -1));
      if (fields.get(0).equals(name)) {
        return fields.stream().skip(1).mapToDouble(Double::parseDouble).toArray();
      }
    }
    throw new AssertionError(name);
  }

  private static Engine open(String engine) {
    if (!engine.equals("cuda")) {
      return Engines.open(engine, EngineOptions.defaults());
    }
    assumeTrue(SoftCuda.probe().available(), SoftCuda.probe().detail());
    return Engines.open(engine, new EngineOptions(2, "softcuda"));
  }

  private static void assertNear(float[] ours, double[] theirs, double tolerance) {
    double largest = Arrays.stream(theirs).map(Math::abs).max().orElseThrow();
    assertThat(ours).hasSize(theirs.length);
    for (int i = 0; i < theirs.length; i++) {
      assertThat(Math.abs(ours[i] - theirs[i])).isLessThan(tolerance * largest);
    }
  }

  @ParameterizedTest
  @CsvSource({"reference", "onednn", "cuda"})
  void classifyAsPyTorchDoes(String name) throws IOException {
    try (Engine engine = open(name)) {
      for (String network : new String[] {"grey", "rgba"}) {
        for (String format : new String[] {".pth", ".onnx"}) {
          ModelFile file = ModelFile.open(file(network + format));
          assertThat(file.config().inputChannels()).isEqualTo(network.equals("grey") ? 1 : 4);
          assertThat(file.preset()).isEqualTo("torchvision-" + network);
          Preprocessing preprocessing = Preprocessing.of(file.preset()).withSize(73, 64);
          try (Model model = Model.load(engine, file, Precision.FP32, preprocessing, 1)) {
            HostTensor logits =
                model
                    .run(List.of(new ImageDecoder().read(PICTURE)), Set.of("logits"))
                    .get("logits");
            assertNear(logits.toArray(), expected(network), 1e-5);
          }
        }
      }
    }
  }

  @Test
  void alphaIsThePictures() throws IOException {
    ModelFile file = ModelFile.open(file("rgba.pth"));
    Preprocessing preprocessing = Preprocessing.of(file.preset()).withSize(73, 64);
    Path picture = file("data/pictures/rgba.png");
    Image image =
        new ImageDecoder().read(picture, new PixelScratch(), Reduction.NONE.withAlpha(true));
    try (Engine engine = open("reference");
        Model model = Model.load(engine, file, Precision.FP32, preprocessing, 1)) {
      double[] expected = expected("rgba-alpha");
      assertNear(
          model.run(List.of(image), Set.of("logits")).get("logits").toArray(), expected, 1e-5);
      try (Batcher batcher = model.newBatcher(Set.of("logits"), BatchOptions.defaults())) {
        assertNear(
            batcher
                .submit(Files.readAllBytes(picture), RequestOptions.DEFAULT)
                .join()
                .get("logits")
                .toArray(),
            expected,
            1e-5);
      }
      assertThat(model.classify(picture, 5)).isEqualTo(model.classify(List.of(image), 5).get(0));
    }
  }

  @ParameterizedTest
  @CsvSource({"onednn", "cuda"})
  void areFineTunedAsTheReferenceDoes(String name) {
    try (Engine engine = open(name);
        Engine reference = open("reference")) {
      for (String network : new String[] {"grey", "rgba"}) {
        ModelFile file = ModelFile.open(file(network + ".pth"));
        double[] exact = new double[file.parameters().get("conv1.weight").toArray().length];
        float[] gradient = gradient(reference, file);
        Arrays.setAll(exact, i -> gradient[i]);
        assertNear(gradient(engine, file), exact, 1e-4);
      }
    }
  }

  private static float[] gradient(Engine engine, ModelFile file) {
    Preprocessing preprocessing = Preprocessing.of(file.preset()).withSize(73, 64);
    try (TrainingPlan plan =
        engine.planTraining(
            file.network(),
            file.parameters(),
            TrainingOptions.standard(2, preprocessing.cropWidth(), Precision.FP32))) {
      for (int i = 0; i < 2; i++) {
        preprocessing
            .newPreprocessor()
            .write(new ImageDecoder().read(PICTURE), plan.input(), i, TensorLayout.NCHW);
      }
      plan.input().put(0, 1);
      plan.forward();
      plan.softmaxCrossEntropy(new int[] {1, 3}, 0);
      plan.backward(false);
      HostTensor gradient = HostTensor.zeros(file.parameters().get("conv1.weight").shape());
      plan.readGradient("conv1.weight", gradient);
      return gradient.toArray();
    }
  }

  @Test
  void saysWhatPicturesAreFedAs() {
    assertThat(ModelFile.open(file("grey.pth")).describe())
        .contains("input channels 1 (pictures are fed in grey)");
    assertThat(ModelFile.open(file("rgba.onnx")).describe())
        .contains("input channels 4 (pictures are fed as red, green, blue and alpha)");
  }
}
