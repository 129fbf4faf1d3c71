package io.resfuse.engine.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.resfuse.data.image.ImageDecoder;
import io.resfuse.data.image.Preprocessing;
import io.resfuse.data.image.Preprocessor;
import io.resfuse.engine.Engine;
import io.resfuse.engine.EngineException;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.Engines;
import io.resfuse.engine.InferencePlan;
import io.resfuse.engine.LoadedNetwork;
import io.resfuse.engine.Parameters;
import io.resfuse.engine.PixelScaling;
import io.resfuse.engine.PlanRequest;
import io.resfuse.engine.Precision;
import io.resfuse.engine.Quantization;
import io.resfuse.engine.RandomPictures;
import io.resfuse.engine.TestData;
import io.resfuse.engine.TestNetworks;
import io.resfuse.engine.TestNetworks.TestNetwork;
import io.resfuse.engine.onednn.Int8Equality;
import io.resfuse.model.ResNetConfig;
import io.resfuse.quantize.QuantizationOptions;
import io.resfuse.quantize.Quantizer;
import io.resfuse.tensor.TensorLayout;
import io.resfuse.weights.ModelFile;
import io.resfuse.weights.PretrainedModel;
import io.resfuse.weights.ProgressListener;
import java.io.IOException;
import java.nio.FloatBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The GPU engine in int8: the same bits as the reference engine's. */
@ExtendWith(SoftCudaExtension.class)
class CudaInt8Test {
  private static Engine engine;
  private static Engine reference;

  @BeforeAll
  static void open() {
    engine = Engines.open("cuda", new EngineOptions(2, "softcuda"));
    reference = Engines.open("reference", new EngineOptions(2, ""));
  }

  @AfterAll
  static void close() {
    engine.close();
    reference.close();
  }

  /** The small networks of all engines. */
  static List<TestNetwork> networks() {
    return Int8Equality.networks();
  }

  /** With all widths of known networks, on images as small as they take. */
  static Stream<TestNetwork> knownNetworks() {
    return Stream.of("resnet20", "resnet18", "resnet50", "resnext50_32x4d")
        .map(ResNetConfig::of)
        .map(ResNetConfig::build)
        .map(network -> new TestNetwork(network, 1, 32, 32));
  }

  private static TestNetwork named(String name) {
    return networks().stream()
        .filter(test -> test.network().name().equals(name))
        .findFirst()
        .orElseThrow();
  }

  private static Map<String, float[]> run(
      Engine one, Precision precision, TestNetwork test, Parameters parameters) {
    return Int8Equality.run(one, precision, test, parameters, TensorLayout.NCHW);
  }

  /** Where a gate is computed in between, they come near. */
  @ParameterizedTest
  @MethodSource({"networks", "knownNetworks"})
  void givesTheBitsOfTheReference(TestNetwork test) {
    Parameters parameters = Int8Equality.quantized(reference, test, Set.of());
    Map<String, float[]> got = run(engine, Precision.INT8, test, parameters);
    Map<String, float[]> expected = run(reference, Precision.INT8, test, parameters);
    if (Int8Equality.hasFloatsBetween(test.network())) {
      Int8Equality.assertNear(got, expected, run(reference, Precision.FP64, test, parameters));
    } else {
      assertThat(Int8Equality.difference(test, parameters, got, expected)).isEmpty();
    }
  }

  /** Resizes and concatenations are computed in float32. */
  @Test
  void pixelsGetTheClassesOfTheReference() {
    for (TestNetwork test : TestNetworks.segmentations()) {
      Parameters parameters = Int8Equality.quantized(reference, test, Set.of());
      Int8Equality.assertNear(
          run(engine, Precision.INT8, test, parameters),
          run(reference, Precision.INT8, test, parameters),
          run(reference, Precision.FP64, test, parameters));
    }
  }

  /** Zero points that others' quantisers choose, under padding, strides and residuals. */
  @ParameterizedTest
  @ValueSource(strings = {"conv7x7s2onepixel", "depthwise", "basicA", "bottleneck", "averaging33"})
  void anyZeroPointGivesTheBitsOfTheReference(String name) {
    TestNetwork test = named(name);
    Parameters parameters = Int8Equality.shifted(Int8Equality.quantized(reference, test, Set.of()));
    assertThat(
            Int8Equality.difference(
                test,
                parameters,
                run(engine, Precision.INT8, test, parameters),
                run(reference, Precision.INT8, test, parameters)))
        .isEmpty();
  }

  /** In the other layout, too. */
  @ParameterizedTest
  @ValueSource(strings = {"basicA", "averaging33"})
  void layoutsGiveTheSameBits(String name) {
    TestNetwork test = named(name);
    Parameters parameters = Int8Equality.quantized(reference, test, Set.of());
    assertThat(
            Int8Equality.difference(
                test,
                parameters,
                Int8Equality.run(engine, Precision.INT8, test, parameters, TensorLayout.NHWC),
                Int8Equality.run(reference, Precision.INT8, test, parameters, TensorLayout.NHWC)))
        .isEmpty();
  }

  /**
   * A convolution in float32 before others may round to another integer where it lies between two;
   * what follows is off by far less than int8 itself.
   */
  @ParameterizedTest
  @CsvSource({
    "stem, stem",
    "basicA, stem",
    "bottleneck, layer1",
    "bottleneck, layer2.0.downsample"
  })
  void keptLayersComeNear(String network, String keep) {
    TestNetwork test = named(network);
    Parameters parameters = Int8Equality.quantized(reference, test, Set.of(keep));
    Int8Equality.assertNear(
        run(engine, Precision.INT8, test, parameters),
        run(reference, Precision.INT8, test, parameters),
        run(reference, Precision.FP64, test, parameters));
  }

  /** Sums of integers are exact: neither the batch nor other outputs change a bit. */
  @Test
  void bitsDoNotDependOnTheBatch() {
    TestNetwork test = named("bottleneck");
    Parameters parameters = Int8Equality.quantized(reference, test, Set.of());
    float[] all = run(engine, Precision.INT8, test, parameters).get("c3");
    try (LoadedNetwork network = engine.load(test.network(), parameters, Precision.INT8);
        InferencePlan plan =
            network.plan(
                new PlanRequest(1, test.height(), test.width(), TensorLayout.NCHW, Set.of("c3")))) {
      int image = plan.input().capacity();
      int values = plan.output("c3").capacity();
      for (int n = 0; n < test.batch(); n++) {
        plan.input().put(0, test.images(), n * image, image);
        plan.run();
        for (int i = 0; i < values; i++) {
          assertThat(plan.output("c3").get(i)).isEqualTo(all[n * values + i]);
        }
      }
    }
  }

  /** The network in the jar, on the example pictures. */
  @Test
  void fashionMnistGivesTheBitsOfTheReference() throws IOException {
    ModelFile model = PretrainedModel.of("resnet20-fashion-mnist").open(ProgressListener.NONE);
    Preprocessing preprocessing = Preprocessing.of(model.preset());
    int size = preprocessing.cropHeight();
    List<Path> names;
    try (Stream<Path> files = Files.list(Path.of("examples/fashion-mnist"))) {
      names = files.sorted().toList();
    }
    TestNetwork test = new TestNetwork(model.network(), names.size(), size, size);
    float[] images = new float[(int) test.imageShape().elements()];
    Preprocessor preprocessor = preprocessing.newPreprocessor();
    for (int i = 0; i < names.size(); i++) {
      preprocessor.write(
          new ImageDecoder().read(names.get(i)), FloatBuffer.wrap(images), i, TensorLayout.NCHW);
    }
    Quantization integers =
        new Quantizer(reference, 2)
            .quantize(
                model.network(),
                model.copyParameters(),
                new RandomPictures(model.network(), 4, size, size),
                QuantizationOptions.DEFAULTS);
    Parameters parameters = model.copyParameters().withQuantization(integers);
    Map<String, float[]> got = Int8Equality.run(engine, Precision.INT8, test, parameters, images);
    Map<String, float[]> expected =
        Int8Equality.run(reference, Precision.INT8, test, parameters, images);
    assertThat(Int8Equality.difference(test, parameters, got, expected)).isEmpty();
  }

  @Test
  void brokenImagesGiveNaNAndLeaveOthersAlone() {
    TestNetwork test = named("bottleneck");
    Parameters parameters = Int8Equality.quantized(reference, test, Set.of());
    try (LoadedNetwork network = engine.load(test.network(), parameters, Precision.INT8);
        InferencePlan plan = network.plan(test.request(TensorLayout.NCHW))) {
      plan.input().put(0, test.images());
      plan.run();
      int classes = plan.output("logits").capacity() / test.batch();
      float before = plan.output("logits").get(0);
      float last = plan.output("logits").get((test.batch() - 1) * classes);
      int broken = plan.input().capacity() - 1;
      float there = plan.input().get(broken);
      plan.input().put(broken, Float.POSITIVE_INFINITY);
      plan.run();
      assertThat(plan.output("logits").get((test.batch() - 1) * classes)).isNaN();
      assertThat(plan.output("logits").get(0)).isEqualTo(before);
      plan.input().put(broken, there);
      plan.run();
      assertThat(plan.output("logits").get((test.batch() - 1) * classes)).isEqualTo(last);
    }
  }

  /** Pixels give the bits of the floats that they are. */
  @Test
  void takesPixels() {
    TestNetwork test = named("stem");
    Parameters parameters = Int8Equality.quantized(reference, test, Set.of());
    PixelScaling scaling =
        PixelScaling.of(255, List.of(0.4f, 0.5f, 0.6f), List.of(0.2f, 0.25f, 0.3f));
    byte[] pixels = new byte[(int) test.imageShape().elements()];
    new Random(5).nextBytes(pixels);
    PlanRequest request =
        new PlanRequest(
            test.batch(), test.height(), test.width(), TensorLayout.NHWC, Set.of("logits"));
    try (LoadedNetwork network = engine.load(test.network(), parameters, Precision.INT8);
        InferencePlan floats = network.plan(request);
        InferencePlan bytes = network.plan(request.withPixels(scaling))) {
      for (int i = 0; i < pixels.length; i++) {
        floats.input().put(i, scaling.value(i % 3, pixels[i] & 0xff));
      }
      bytes.pixels().put(0, pixels);
      floats.run();
      bytes.run();
      for (int i = 0; i < floats.output("logits").capacity(); i++) {
        assertThat(bytes.output("logits").get(i)).isEqualTo(floats.output("logits").get(i));
      }
    }
  }

  /** A quarter of float32, but for the image, which has 16 bytes per pixel, and the head. */
  @Test
  void activationsAreBytes() {
    TestNetwork test =
        new TestNetwork(ResNetConfig.of("resnet18").withClasses(5).build(), 1, 224, 224);
    TestNetwork small = new TestNetwork(test.network(), 1, 32, 32);
    Parameters parameters = Int8Equality.quantized(reference, small, Set.of());
    PlanRequest request = PlanRequest.logits(8, 224);
    try (LoadedNetwork integers = engine.load(test.network(), parameters, Precision.INT8);
        LoadedNetwork floats = engine.load(test.network(), parameters, Precision.FP32)) {
      assertThat(integers.weightBytes()).isLessThan((long) (0.26 * floats.weightBytes()));
      assertThat(integers.memory(request).activations())
          .isLessThan((long) (0.4 * floats.memory(request).activations()));
      try (InferencePlan plan = integers.plan(PlanRequest.logits(1, 32))) {
        assertThat(plan.memory()).isEqualTo(integers.memory(PlanRequest.logits(1, 32)));
      }
    }
  }

  @Test
  void saysWhatItCannotDo() {
    TestNetwork test = named("bottleneck");
    assertThatThrownBy(
            () -> engine.load(test.network(), TestData.parameters(test.network()), Precision.INT8))
        .isInstanceOf(EngineException.class)
        .hasMessageContaining("weights quantize");
    assertThat(engine.whyNot(Precision.INT8, Engine.Mode.TRAINING))
        .hasValueSatisfying(why -> assertThat(why).contains("inference only"));
    assertThat(engine.whyNot(Precision.FP64, Engine.Mode.INFERENCE))
        .hasValueSatisfying(why -> assertThat(why).contains("int8"));
  }
}
