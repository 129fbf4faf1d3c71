package io.resfuse.weights.onnx;

import static org.assertj.core.api.Assertions.assertThat;

import io.resfuse.data.image.ImageDecoder;
import io.resfuse.data.image.Preprocessing;
import io.resfuse.data.image.Preprocessor;
import io.resfuse.engine.Encoding;
import io.resfuse.engine.Engine;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.Engines;
import io.resfuse.engine.InferencePlan;
import io.resfuse.engine.LoadedNetwork;
import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.Operation;
import io.resfuse.engine.Operation.FusedConv;
import io.resfuse.engine.Parameters;
import io.resfuse.engine.PlanRequest;
import io.resfuse.engine.Precision;
import io.resfuse.engine.Quantization;
import io.resfuse.engine.QuantizedNetwork;
import io.resfuse.engine.QuantizedWeights;
import io.resfuse.engine.RandomPictures;
import io.resfuse.engine.Results;
import io.resfuse.engine.RoundedSums;
import io.resfuse.engine.TestData;
import io.resfuse.engine.TestNetworks;
import io.resfuse.engine.TestNetworks.TestNetwork;
import io.resfuse.engine.onednn.Int8Equality;
import io.resfuse.model.ResNetConfig;
import io.resfuse.quantize.Pictures;
import io.resfuse.quantize.QuantizationOptions;
import io.resfuse.quantize.Quantizer;
import io.resfuse.tensor.DataType;
import io.resfuse.tensor.HostTensor;
import io.resfuse.tensor.TensorLayout;
import io.resfuse.verify.Tolerance;
import io.resfuse.weights.ModelFile;
import io.resfuse.weights.ModelMetadata;
import io.resfuse.weights.PretrainedModel;
import io.resfuse.weights.ProgressListener;
import io.resfuse.weights.format.OnnxModel;
import io.resfuse.weights.format.OnnxNode;
import io.resfuse.weights.format.OnnxTensor;
import io.resfuse.weights.format.OnnxWriter;
import java.io.IOException;
import java.nio.FloatBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Quantised networks as ONNX, run by ONNX Runtime. It may round a value that lies between two
 * integers to the other one, since a bias is rounded to steps of the sums and residuals are added
 * to floats. Weights have 7 bits here: of 8, sums of two products are cut off on CPUs without VNNI.
 */
class QdqExportTest {
  private static final Engine reference = Engines.open("reference", new EngineOptions(2, ""));

  @TempDir Path folder;

  @AfterAll
  static void close() {
    reference.close();
  }

  private static Parameters quantized(
      NetworkSpec network, Parameters parameters, Pictures pictures, Set<String> keep) {
    return parameters.withQuantization(
        new Quantizer(reference, 1)
            .quantize(
                network,
                parameters,
                pictures,
                QuantizationOptions.DEFAULTS.withReducedRange(true).withKeep(keep)));
  }

  private static Parameters quantized(TestNetwork test, Set<String> keep) {
    NetworkSpec network = test.network();
    return quantized(
        network,
        TestData.parameters(network),
        new RandomPictures(network, 3, test.height(), test.width()),
        keep);
  }

  /** Every kind of block, shortcut, stem and stride, whole and with layers kept in float32. */
  static Stream<Arguments> networks() {
    return TestNetworks.networks().stream()
        .flatMap(
            test ->
                Stream.of(
                    Arguments.of(test, Set.<String>of()),
                    Arguments.of(test, Set.of("stem", "layer2.0"))));
  }

  @ParameterizedTest
  @MethodSource("networks")
  void runsAsOurEngine(TestNetwork test, Set<String> keep) {
    Path file = folder.resolve("model.onnx");
    Parameters parameters = quantized(test, keep);
    OnnxWriter.write(file, OnnxExport.graph(test.network(), parameters, false), Map.of());
    double[] ours = logits(test, parameters, test.images());
    float[] theirs = OnnxRuntime.run(file, test.imageShape(), test.images());
    assertNear(test.network(), parameters, ours, theirs);
  }

  /** Zero points that are not ours: borders are padded with them. */
  @ParameterizedTest
  @MethodSource("residuals")
  void runsWithAnyZeroPoint(TestNetwork test) {
    Path file = folder.resolve("model.onnx");
    Parameters parameters = Int8Equality.shifted(quantized(test, Set.of()));
    OnnxWriter.write(file, OnnxExport.graph(test.network(), parameters, false), Map.of());
    double[] ours = logits(test, parameters, test.images());
    float[] theirs = OnnxRuntime.run(file, test.imageShape(), test.images());
    assertNear(test.network(), parameters, ours, theirs);
  }

  /** Example pictures get the class that our engine gives them. */
  @Test
  void classifiesAsOurEngine() throws IOException {
    ModelFile model = PretrainedModel.of("resnet20-fashion-mnist").open(ProgressListener.NONE);
    Preprocessing preprocessing = Preprocessing.of(model.preset());
    int size = preprocessing.cropHeight();
    List<Path> names;
    try (Stream<Path> files = Files.list(Path.of("examples/fashion-mnist"))) {
      names = files.sorted().toList();
    }
    TestNetwork test = new TestNetwork(model.network(), names.size(), size, size);
    float[] images = new float[(int) test.imageShape().elements()];
    int each = images.length / names.size();
    Preprocessor preprocessor = preprocessing.newPreprocessor();
    for (int i = 0; i < names.size(); i++) {
      preprocessor.write(
          new ImageDecoder().read(names.get(i)), FloatBuffer.wrap(images), i, TensorLayout.NCHW);
    }
    Pictures pictures =
        new Pictures() {
          @Override
          public int count() {
            return names.size();
          }

          @Override
          public int height() {
            return size;
          }

          @Override
          public int width() {
            return size;
          }

          @Override
          public void write(int index, FloatBuffer target) {
            target.put(0, images, index * each, each);
          }
        };
    Parameters parameters = quantized(model.network(), model.copyParameters(), pictures, Set.of());
    Path file = folder.resolve("int8.onnx");
    ModelFile.saveOnnx(file, model.metadata(), parameters, false);
    double[] ours = logits(test, parameters, images);
    float[] theirs = OnnxRuntime.run(file, test.imageShape(), images);
    assertNear(model.network(), parameters, ours, theirs);
    double[] doubles = Runs.doubles(theirs);
    int classes = model.config().classes();
    for (int i = 0; i < names.size(); i++) {
      assertThat(largest(doubles, i, classes))
          .as(names.get(i).toString())
          .isEqualTo(largest(ours, i, classes));
    }
  }

  private static int largest(double[] logits, int picture, int classes) {
    int best = 0;
    for (int k = 1; k < classes; k++) {
      if (logits[picture * classes + k] > logits[picture * classes + best]) {
        best = k;
      }
    }
    return best;
  }

  private static double[] logits(TestNetwork test, Parameters parameters, float[] images) {
    PlanRequest request =
        new PlanRequest(
            test.batch(), test.height(), test.width(), TensorLayout.NCHW, Set.of("logits"));
    try (LoadedNetwork loaded = reference.load(test.network(), parameters, Precision.INT8);
        InferencePlan plan = loaded.plan(request)) {
      return Results.inference(plan, test, images).get("logits");
    }
  }

  /**
   * That no logit is farther away than by one step of the coarsest activation in all that the last
   * layer takes, whose weights it is multiplied by.
   */
  private static void assertNear(
      NetworkSpec network, Parameters parameters, double[] ours, float[] theirs) {
    double step =
        parameters.quantization().encodings().values().stream()
            .mapToDouble(Encoding::scale)
            .max()
            .orElseThrow();
    HostTensor weight = parameters.get("fc.weight");
    int classes = weight.shape().dimension(0);
    int features = weight.shape().dimension(1);
    assertThat(theirs).hasSameSizeAs(ours);
    double worst = 0;
    double largest = 0;
    for (int i = 0; i < ours.length; i++) {
      double tolerance = 0;
      for (int f = 0; f < features; f++) {
        tolerance += step * Math.abs(weight.get(i % classes * features + f));
      }
      worst = Math.max(worst, Math.abs(ours[i] - theirs[i]) / tolerance);
      largest = Math.max(largest, Math.abs(ours[i]));
    }
    System.out.printf(
        "%s: logits up to %.3g, ONNX Runtime's differ by up to %.2g of what one step makes%n",
        network.name(), largest, worst);
    assertThat(largest).isPositive();
    assertThat(worst).isLessThan(1);
  }

  /** The numbers are those of the quantisation; weights take a byte each. */
  @Test
  void keepsIntegersAndScales() throws IOException {
    ResNetConfig config = ResNetConfig.of("resnet8").withClasses(2);
    TestNetwork test = new TestNetwork(config.build(), 1, 16, 16);
    Parameters parameters = quantized(test, Set.of("layer1"));
    ModelMetadata metadata =
        new ModelMetadata(config, "cifar", List.of("cat", "dog"), Map.of("license", "MIT"));
    Path file = folder.resolve("a.onnx");
    ModelFile.saveOnnx(file, metadata, parameters, false);
    Path again = folder.resolve("b.onnx");
    ModelFile.saveOnnx(again, metadata, parameters, false);
    assertThat(file).hasSameBinaryContentAs(again);
    OnnxModel model = OnnxModel.open(file);
    assertThat(model.opset()).isEqualTo(17);
    assertThat(model.irVersion()).isEqualTo(8);
    Map<String, OnnxTensor> tensors = model.initializers();
    Quantization quantization = parameters.quantization();
    quantization
        .weights()
        .forEach(
            (name, weights) -> {
              OnnxTensor stored = tensors.get(name + ".weight");
              assertThat(stored.type()).isEqualTo(DataType.INT8);
              long[] integers = stored.integers();
              for (int i = 0; i < integers.length; i++) {
                assertThat(integers[i]).isEqualTo(weights.weights()[i]);
              }
              assertThat(tensors.get(name + ".weight_scale").load().toArray())
                  .isEqualTo(weights.scales());
              assertThat(tensors.get(name + ".bias").type()).isEqualTo(DataType.INT32);
            });
    assertThat(quantization.encodings()).isNotEmpty();
    quantization
        .encodings()
        .forEach(
            (name, encoding) -> {
              assertThat(tensors.get(name + ".activation_scale").load().get(0))
                  .isEqualTo(encoding.scale());
              assertThat(tensors.get(name + ".activation_zero_point").integers())
                  .containsExactly(encoding.zeroPoint());
            });
    assertThat(tensors.get("layer1.0.conv1.weight").type()).isEqualTo(DataType.FLOAT32);
    assertThat(count(model, "QuantizeLinear"))
        .isGreaterThanOrEqualTo(quantization.encodings().size())
        .isEqualTo(model.nodes().stream().filter(QdqExportTest::isOfActivations).count());
  }

  private static long count(OnnxModel model, String op) {
    return model.nodes().stream().filter(node -> node.op().equals(op)).count();
  }

  private static boolean isOfActivations(OnnxNode node) {
    return node.is("DequantizeLinear") && !node.attributes().containsKey("axis");
  }

  /** ONNX Runtime multiplies integers in all convolutions but those that something is added to. */
  @Test
  void onnxRuntimeMultipliesIntegers() {
    TestNetwork test =
        TestNetworks.networks().stream()
            .filter(t -> t.network().name().equals("bottleneck"))
            .findFirst()
            .orElseThrow();
    Path file = folder.resolve("model.onnx");
    Parameters parameters = quantized(test, Set.of());
    OnnxWriter.write(file, OnnxExport.graph(test.network(), parameters, false), Map.of());
    OnnxModel optimized = OnnxRuntime.optimized(file, folder.resolve("optimized.onnx"));
    long plain =
        test.network().operations().stream()
            .filter(o -> o instanceof FusedConv conv && conv.residual() == null)
            .count();
    assertThat(plain).isPositive();
    assertThat(count(optimized, "QLinearConv")).isEqualTo(plain);
  }

  /** With roundings before additions it multiplies and adds integers everywhere. */
  @ParameterizedTest
  @MethodSource("residuals")
  void roundedBeforeAddEverythingIsOfIntegers(TestNetwork test) {
    Path file = folder.resolve("model.onnx");
    Parameters parameters = quantized(test, Set.of());
    OnnxWriter.write(file, OnnxExport.graph(test.network(), parameters, false, true), Map.of());
    OnnxModel optimized = OnnxRuntime.optimized(file, folder.resolve("optimized.onnx"));
    List<FusedConv> convolutions =
        test.network().operations().stream()
            .filter(FusedConv.class::isInstance)
            .map(FusedConv.class::cast)
            .toList();
    assertThat(count(optimized, "QLinearConv")).isEqualTo(convolutions.size());
    assertThat(count(optimized, "QLinearAdd"))
        .isPositive()
        .isEqualTo(convolutions.stream().filter(conv -> conv.residual() != null).count());
    assertThat(optimized.nodes())
        .noneMatch(node -> node.is("Conv") || node.is("FusedConv") || node.is("Add"));
    float[] theirs = OnnxRuntime.run(file, test.imageShape(), test.images());
    double[] ours = logits(test, parameters, test.images());
    assertNear(test.network(), parameters, ours, theirs);
    assertSumsAreRounded(test, parameters, ours, Runs.doubles(theirs));
  }

  /** Our network with roundings in the same places comes nearer. */
  private static void assertSumsAreRounded(
      TestNetwork test, Parameters parameters, double[] ours, double[] theirs) {
    RoundedSums rounded = RoundedSums.of(test.network(), parameters.quantization());
    double[] alike =
        logits(
            new TestNetwork(rounded.network(), test.batch(), test.height(), test.width()),
            rounded.parameters(parameters),
            test.images());
    double apart = Tolerance.distance(theirs, ours);
    double left = Tolerance.distance(theirs, alike);
    System.out.printf(
        "%s: roundings before additions change %.3g, of which %.3g is left%n",
        test.network().name(), apart, left);
    assertThat(left).isLessThan(apart);
  }

  /** Where something is added to what a convolution gives, and to nothing else. */
  static List<TestNetwork> residuals() {
    return TestNetworks.networks().stream()
        .filter(
            test ->
                test.network().operations().stream()
                    .anyMatch(o -> o instanceof FusedConv conv && conv.residual() != null))
        .toList();
  }

  /** What is cut off before an addition is more than the result can store, whatever is added. */
  @ParameterizedTest
  @MethodSource("residuals")
  void nothingIsCutOffBeforeAddThatShows(TestNetwork test) {
    Parameters parameters = quantized(test, Set.of());
    QuantizedNetwork quantized = QuantizedNetwork.of(test.network(), parameters.quantization());
    Map<String, HostTensor> scales =
        OnnxExport.graph(test.network(), parameters, false, true).weights();
    for (Operation operation : quantized.network().operations()) {
      if (operation instanceof FusedConv conv && conv.residual() != null) {
        float step = scales.get(conv.name() + ".sum.activation_scale").get(0);
        Encoding result = quantized.encoding(conv.output());
        Encoding residual = quantized.encoding(conv.residual());
        float rounding = 1e-4f * step;
        assertThat(127 * step + residual.decode(0)).isGreaterThan(result.decode(255) - rounding);
        assertThat(-128 * step + residual.decode(255)).isLessThan(result.decode(0) + rounding);
      }
    }
  }

  /** A bias that has no place in 32 bits, with steps as small as these, stays float32. */
  @Test
  void keepsABiasThatDoesNotFit() {
    TestNetwork test = TestNetworks.networks().get(0);
    Parameters parameters = quantized(test, Set.of());
    Quantization quantization = parameters.quantization();
    Map<String, QuantizedWeights> weights = new LinkedHashMap<>(quantization.weights());
    QuantizedWeights first = weights.get("conv1");
    float[] scales = first.scales().clone();
    scales[0] = 1e-12f;
    weights.put("conv1", new QuantizedWeights(first.weights(), scales, first.bias()));
    Parameters changed =
        parameters.withQuantization(new Quantization(weights, quantization.encodings()));
    Path file = folder.resolve("model.onnx");
    OnnxWriter.write(file, OnnxExport.graph(test.network(), changed, false), Map.of());
    OnnxModel model = OnnxModel.open(file);
    assertThat(model.initializers().get("conv1.bias").load().toArray()).isEqualTo(first.bias());
    OnnxNode conv =
        model.nodes().stream().filter(node -> node.name().equals("conv1")).findFirst().get();
    assertThat(conv.inputs())
        .containsExactly("input.dequantized", "conv1.weight.dequantized", "conv1.bias");
    assertNear(
        test.network(),
        changed,
        logits(test, changed, test.images()),
        OnnxRuntime.run(file, test.imageShape(), test.images()));
  }
}
