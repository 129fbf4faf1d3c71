package io.resfuse.weights.onnx;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.resfuse.engine.Encoding;
import io.resfuse.engine.Engine;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.Engines;
import io.resfuse.engine.Parameters;
import io.resfuse.engine.Precision;
import io.resfuse.engine.Quantization;
import io.resfuse.engine.QuantizedWeights;
import io.resfuse.engine.RandomPictures;
import io.resfuse.engine.TestData;
import io.resfuse.engine.TestNetworks;
import io.resfuse.engine.TestNetworks.TestNetwork;
import io.resfuse.engine.onednn.Int8Equality;
import io.resfuse.model.ResNetConfig;
import io.resfuse.quantize.QuantizationOptions;
import io.resfuse.quantize.Quantizer;
import io.resfuse.tensor.Shape;
import io.resfuse.weights.ModelFile;
import io.resfuse.weights.format.IntegerTensor;
import io.resfuse.weights.format.OnnxGraph;
import io.resfuse.weights.format.OnnxModel;
import io.resfuse.weights.format.OnnxNode;
import io.resfuse.weights.format.OnnxTensor;
import io.resfuse.weights.format.OnnxWriter;
import io.resfuse.weights.format.WeightsException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Quantised networks from ONNX: ours, and what ONNX Runtime's quantiser writes. */
class QdqImportTest {
  private static final Engine reference = Engines.open("reference", new EngineOptions(1, ""));
  private static final ResNetConfig CONFIG = ResNetConfig.of("resnet8").withClasses(3);

  @TempDir Path folder;

  @AfterAll
  static void close() {
    reference.close();
  }

  private static Parameters quantized(TestNetwork test, Set<String> keep) {
    Parameters parameters = TestData.parameters(test.network());
    return parameters.withQuantization(
        new Quantizer(reference, 1)
            .quantize(
                test.network(),
                parameters,
                new RandomPictures(test.network(), 2, test.height(), test.width()),
                QuantizationOptions.DEFAULTS.withKeep(keep)));
  }

  static Stream<Arguments> networks() {
    return TestNetworks.networks().stream()
        .filter(test -> test.network().outputs().containsKey("logits"))
        .flatMap(
            test ->
                Stream.of(
                    Arguments.of(test, Set.<String>of()),
                    Arguments.of(test, Set.of("stem", "layer2.0"))));
  }

  /** The same integers and scales; biases within half a step of the sums. */
  @ParameterizedTest
  @MethodSource("networks")
  void readsWhatWeWrite(TestNetwork test, Set<String> keep) {
    readsWhatWeWrite(test, quantized(test, keep));
  }

  /** Zero points that are not ours, too. */
  @Test
  void readsAnyZeroPoint() {
    TestNetwork test = networks().findFirst().map(all -> (TestNetwork) all.get()[0]).orElseThrow();
    readsWhatWeWrite(test, Int8Equality.shifted(quantized(test, Set.of())));
  }

  private void readsWhatWeWrite(TestNetwork test, Parameters parameters) {
    Path file = folder.resolve("model.onnx");
    OnnxWriter.write(file, OnnxExport.graph(test.network(), parameters, false), Map.of());
    ModelFile read = ModelFile.open(file);
    Quantization ours = parameters.quantization();
    Quantization theirs = read.parameters().quantization();
    assertThat(theirs.encodings()).isEqualTo(ours.encodings());
    assertThat(theirs.weights().keySet()).isEqualTo(ours.weights().keySet());
    double widest =
        ours.encodings().values().stream().mapToDouble(Encoding::scale).max().orElseThrow();
    theirs
        .weights()
        .forEach(
            (name, weights) -> {
              QuantizedWeights own = ours.weights().get(name);
              assertThat(weights.weights()).isEqualTo(own.weights());
              assertThat(weights.scales()).isEqualTo(own.scales());
              for (int c = 0; c < own.bias().length; c++) {
                double error = Math.abs((double) weights.bias()[c] - own.bias()[c]);
                assertThat(error).isLessThan(0.51 * widest * own.scales()[c]);
              }
            });
    Path again = folder.resolve("again.onnx");
    OnnxWriter.write(again, OnnxExport.graph(read.network(), read.parameters(), false), Map.of());
    assertThat(ModelFile.open(again).parameters().quantization()).isEqualTo(theirs);
    Path rounded = folder.resolve("rounded.onnx");
    OnnxWriter.write(rounded, OnnxExport.graph(test.network(), parameters, false, true), Map.of());
    assertThat(ModelFile.open(rounded).parameters().quantization()).isEqualTo(theirs);
  }

  /** Symmetric activations: signed bytes with zero point 0 become unsigned ones. */
  @Test
  void readsSymmetricActivations() {
    ModelFile model = readsOnnxRuntimesQuantiser("qdq-s8s8.onnx");
    Map<String, Encoding> encodings = model.parameters().quantization().encodings();
    assertThat(encodings.get("input").zeroPoint()).isEqualTo(Encoding.MIDDLE);
    assertThat(encodings.get("conv1").zeroPoint()).isZero();
    assertThat(model.report().notes())
        .anyMatch(
            note -> note.startsWith("13 values behind a ReLU were stored with integers below"))
        .anyMatch(note -> note.startsWith("20 values that are rounded there"));
  }

  /** The quantiser's own choice: zero points anywhere but behind a ReLU. */
  @Test
  void readsZeroPointsAnywhere() {
    ModelFile model = readsOnnxRuntimesQuantiser("qdq-u8s8.onnx");
    Map<String, Encoding> encodings = model.parameters().quantization().encodings();
    assertThat(encodings.get("conv1").zeroPoint()).isZero();
    assertThat(encodings.get("layer1.0.downsample.0").zeroPoint()).isEqualTo(153);
    assertThat(encodings.get("layer2.0.downsample.0").zeroPoint()).isEqualTo(123);
    assertThat(model.report().notes()).noneMatch(note -> note.contains("behind a ReLU"));
  }

  /**
   * ONNX Runtime rounds before additions and in the head, too: where we agree but for a step and a
   * half of the coarsest activation in each feature of the head, and a step of the logits,
   * probabilities differ by no more than half of that, and a step of their own.
   */
  private static ModelFile readsOnnxRuntimesQuantiser(String name) {
    Path file = TorchExportsTest.file(name);
    ModelFile model = ModelFile.open(file);
    Parameters parameters = model.parameters();
    Quantization quantization = parameters.quantization();
    assertThat(quantization.weights()).hasSize(15);
    Map<String, OnnxTensor> tensors = OnnxModel.open(file).initializers();
    assertThat(quantization.encodings().get("input").scale())
        .isEqualTo(tensors.get("image_scale").load().get(0));
    TestNetwork test = new TestNetwork(model.network(), 2, 32, 32);
    float[] images = test.images();
    double[] theirs = Runs.doubles(OnnxRuntime.runAsWritten(file, test.imageShape(), images));
    int classes = model.config().classes();
    double[] ours =
        TorchExportsTest.softmax(
            Runs.logits(reference, model, test.imageShape(), images, Precision.INT8), classes);
    float[] weight = parameters.get("fc.weight").toArray();
    double most = 0;
    for (int k = 0; k < classes; k++) {
      double sum = 0;
      for (int f = k * weight.length / classes; f < (k + 1) * weight.length / classes; f++) {
        sum += Math.abs(weight[f]);
      }
      most = Math.max(most, sum);
    }
    double coarsest =
        quantization.encodings().values().stream().mapToDouble(Encoding::scale).max().orElseThrow();
    double logit =
        tensors
            .get(
                tensors.keySet().stream()
                    .filter(tensor -> tensor.contains("Gemm_output_0_scale"))
                    .findFirst()
                    .orElseThrow())
            .load()
            .get(0);
    double own = tensors.get("scores_scale").load().get(0);
    double tolerance = (1.5 * coarsest * most + logit) / 2 + own;
    double worst = 0;
    for (int i = 0; i < ours.length; i++) {
      worst = Math.max(worst, Math.abs(ours[i] - theirs[i]));
    }
    System.out.printf("%s: ONNX Runtime differs by %.2g of %.2g%n", name, worst, tolerance);
    assertThat(worst).isLessThan(tolerance);
    return model;
  }

  private static OnnxGraph graph() {
    TestNetwork test = new TestNetwork(CONFIG.build(), 1, 16, 16);
    return OnnxExport.graph(test.network(), quantized(test, Set.of()), false);
  }

  private static OnnxGraph with(OnnxGraph graph, String name, IntegerTensor tensor) {
    Map<String, IntegerTensor> integers = new LinkedHashMap<>(graph.quantized());
    assertThat(integers.put(name, tensor)).isNotNull();
    return new OnnxGraph(
        graph.name(),
        graph.inputs(),
        graph.outputs(),
        graph.nodes(),
        graph.weights(),
        graph.integers(),
        integers);
  }

  private static OnnxGraph changed(OnnxGraph graph, UnaryOperator<OnnxNode> change) {
    return new OnnxGraph(
        graph.name(),
        graph.inputs(),
        graph.outputs(),
        graph.nodes().stream().map(change).toList(),
        graph.weights(),
        graph.integers(),
        graph.quantized());
  }

  private void assertRefused(OnnxGraph graph, String... parts) {
    Path file = folder.resolve("refused.onnx");
    OnnxWriter.write(file, graph, Map.of());
    assertThatExceptionOfType(WeightsException.class)
        .isThrownBy(() -> ModelFile.open(file))
        .satisfies(e -> assertThat(e.getMessage()).contains(parts).doesNotContain("\n"));
  }

  @Test
  void refusesOtherSchemes() {
    OnnxGraph whole = graph();
    byte[] ones = new byte[16];
    Arrays.fill(ones, (byte) 1);
    assertRefused(
        with(whole, "conv1.weight_zero_point", IntegerTensor.int8(Shape.of(16), ones)),
        "DequantizeLinear 'conv1.weight.dequantize'",
        "not symmetric");
    assertRefused(
        changed(
            whole,
            node ->
                node.name().equals("conv1.dequantize")
                    ? OnnxNode.of(
                        node.name(),
                        node.op(),
                        List.of(
                            node.input(0), "input.activation_scale", "conv1.activation_zero_point"),
                        node.outputs().get(0),
                        Map.of())
                    : node),
        "DequantizeLinear 'conv1.dequantize' has another scale or zero point than");
    assertRefused(
        changed(
            whole,
            node ->
                node.name().equals("conv1")
                    ? OnnxNode.of(
                        node.name(),
                        node.op(),
                        List.of("input.quantized", node.input(1), node.input(2)),
                        node.outputs().get(0),
                        node.attributes())
                    : node),
        "Conv 'conv1' takes the integers that QuantizeLinear 'input.quantize' gives");
  }
}
