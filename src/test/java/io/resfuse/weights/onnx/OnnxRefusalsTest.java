package io.resfuse.weights.onnx;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.TestData;
import io.resfuse.model.ResNetConfig;
import io.resfuse.model.ResNetConfig.Shortcut;
import io.resfuse.model.ResNetVariant;
import io.resfuse.model.ResNetVariant.BlockKind;
import io.resfuse.model.ResNetVariant.StemKind;
import io.resfuse.weights.ModelFile;
import io.resfuse.weights.format.OnnxGraph;
import io.resfuse.weights.format.OnnxNode;
import io.resfuse.weights.format.OnnxValue;
import io.resfuse.weights.format.TestOnnx;
import io.resfuse.weights.format.WeightsException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What is no ResNet of ours is refused with the first node that does not fit, and why. */
class OnnxRefusalsTest {
  private static final ResNetConfig BOTTLENECKS =
      ResNetConfig.of(
              new ResNetVariant(
                  "small",
                  BlockKind.BOTTLENECK,
                  StemKind.IMAGENET,
                  List.of(1, 2),
                  List.of(4, 8),
                  1,
                  64,
                  true))
          .withClasses(3);

  @TempDir Path folder;

  private static OnnxGraph graph(ResNetConfig config) {
    NetworkSpec network = config.build();
    return OnnxExport.graph(network, TestData.parameters(network), false);
  }

  /** With every node changed by a function. */
  private static OnnxGraph changed(OnnxGraph graph, UnaryOperator<OnnxNode> change) {
    return withNodes(graph, graph.nodes().stream().map(change).toList());
  }

  private static OnnxGraph withNodes(OnnxGraph graph, List<OnnxNode> nodes) {
    return new OnnxGraph(
        graph.name(), graph.inputs(), graph.outputs(), nodes, graph.weights(), graph.integers());
  }

  private static OnnxNode with(OnnxNode node, String attribute, Object value) {
    Map<String, Object> attributes = new LinkedHashMap<>(node.attributes());
    attributes.put(attribute, value);
    return new OnnxNode(
        node.name(), node.op(), node.domain(), node.inputs(), node.outputs(), attributes);
  }

  private static OnnxNode as(OnnxNode node, String op, String domain) {
    return new OnnxNode(node.name(), op, domain, node.inputs(), node.outputs(), node.attributes());
  }

  private void assertRefused(OnnxGraph graph, String... parts) {
    Path file = folder.resolve("model");
    TestOnnx.write(file, graph, 8, 17);
    assertThatExceptionOfType(WeightsException.class)
        .isThrownBy(() -> ModelFile.open(file))
        .satisfies(
            e -> {
              assertThat(e.getMessage())
                  .startsWith(file + ": ")
                  .contains("; ")
                  .doesNotContain("\n");
              assertThat(List.of(parts))
                  .allSatisfy(part -> assertThat(e.getMessage()).contains(part));
            });
  }

  @ParameterizedTest
  @CsvSource({
    "layer1.0.conv1.relu, Sigmoid, layer1.0.conv1.relu, does not belong",
    "conv1.relu, LeakyRelu, conv1.relu, a Relu is wanted",
    "layer2.1.conv3.add, Mul, layer2.1.conv3.add, does not belong",
    "layer2.0.conv3.relu, Clip, layer2.0.conv3.relu, a Relu is wanted",
    "layer1.0.bn2, InstanceNormalization, layer1.0.bn2, does not belong",
    "avgpool.squares, GlobalMaxPool, avgpool.squares, mean over rows and columns",
    "avgpool, Softmax, avgpool, does not belong between",
    "conv1, ConvTranspose, conv1, the first convolution is wanted",
    "maxpool, AveragePool, maxpool, first block is wanted",
    "fc, Gelu, fc, does not belong between",
  })
  void namesTheFirstNode(String node, String op, String refused, String why) {
    OnnxGraph graph = changed(graph(BOTTLENECKS), n -> n.name().equals(node) ? as(n, op, "") : n);
    assertRefused(graph, op + " '" + refused + "'", why);
  }

  @ParameterizedTest
  @CsvSource({
    "layer1.0.se.mean, GlobalMaxPool, which are kept",
    "layer1.0.se.act, Clip, a Relu is wanted",
    "layer1.0.se.fc2, Gemm, a convolution is wanted",
    "layer2.0.se.gate, HardSigmoid, the Sigmoid of squeeze and excitation is wanted",
  })
  void namesTheNodeOfAnotherGate(String node, String op, String why) {
    ResNetConfig gated = ResNetConfig.of("seresnet18").withClasses(3);
    OnnxGraph graph = changed(graph(gated), n -> n.name().equals(node) ? as(n, op, "") : n);
    assertRefused(graph, op + " '" + node + "'", why);
  }

  /** A network without gates is no SE-ResNet, and the other way round. */
  @Test
  void refusesGatesThatAreNotStated() {
    Path file = folder.resolve("model");
    ResNetConfig gated = ResNetConfig.of("seresnet18").withClasses(3);
    ResNetConfig plain = ResNetConfig.of("resnet18").withClasses(3);
    TestOnnx.write(file, graph(gated), 8, 17);
    assertThatExceptionOfType(WeightsException.class)
        .isThrownBy(() -> ModelFile.open(file, plain))
        .withMessageContaining("'layer1.0.conv2' ends a block with squeeze and excitation");
    TestOnnx.write(file, graph(plain), 8, 17);
    assertThatExceptionOfType(WeightsException.class)
        .isThrownBy(() -> ModelFile.open(file, gated))
        .withMessageContaining("'layer1.0.conv2' ends a block without squeeze and excitation");
  }

  @Test
  void refusesOperatorsOfOthers() {
    OnnxGraph graph =
        changed(
            graph(BOTTLENECKS),
            n -> n.name().equals("layer2.0.conv2") ? as(n, "Conv", "com.microsoft") : n);
    assertRefused(graph, "com.microsoft.Conv 'layer2.0.conv2'");
  }

  @Test
  void refusesOtherGeometry() {
    String conv = "layer2.0.conv2";
    OnnxGraph whole = graph(BOTTLENECKS);
    UnaryOperator<OnnxNode> none = n -> n;
    assertThat(changed(whole, none).nodes()).isEqualTo(whole.nodes());
    Map<String, Object> wrong = new LinkedHashMap<>();
    wrong.put("strides", new long[] {2, 1});
    wrong.put("pads", new long[] {0, 0, 1, 1});
    wrong.put("dilations", new long[] {2, 2});
    wrong.put("group", 3L);
    wrong.put("kernel_shape", new long[] {5, 5});
    wrong.put("auto_pad", "SAME_UPPER");
    wrong.forEach(
        (attribute, value) ->
            assertRefused(
                changed(whole, n -> n.name().equals(conv) ? with(n, attribute, value) : n),
                "Conv '" + conv + "'"));
    assertRefused(
        changed(whole, n -> n.op().equals("MaxPool") ? with(n, "ceil_mode", 1L) : n),
        "MaxPool 'maxpool'",
        "rounds sizes up");
    assertRefused(
        changed(whole, n -> n.name().equals("bn1") ? with(n, "training_mode", 1L) : n),
        "BatchNormalization 'bn1'",
        "not in inference");
    assertRefused(
        changed(whole, n -> n.op().equals("Gemm") ? with(n, "alpha", 0.5f) : n), "Gemm 'fc'");
  }

  /** The stride of the first block of a stage in both, or in another block than the first. */
  @Test
  void refusesOtherStrides() {
    OnnxGraph whole = graph(BOTTLENECKS);
    assertRefused(
        changed(
            whole,
            n -> n.name().equals("layer2.0.conv1") ? with(n, "strides", new long[] {2, 2}) : n),
        "Conv 'layer2.0.conv",
        "stride");
  }

  @Test
  void refusesOtherShortcuts() {
    ResNetConfig config = ResNetConfig.of("resnet8").withShortcut(Shortcut.IDENTITY);
    OnnxGraph whole = graph(config);
    assertRefused(
        changed(whole, n -> n.op().equals("Pad") ? with(n, "mode", "reflect") : n),
        "Pad 'layer2.0.shortcut'",
        "constant number of zeros");
    Map<String, long[]> integers = new LinkedHashMap<>(whole.integers());
    integers.put("layer2.0.shortcut.pads", new long[] {0, 0, 0, 0, 0, 16, 0, 0});
    assertRefused(
        new OnnxGraph(
            whole.name(),
            whole.inputs(),
            whole.outputs(),
            whole.nodes(),
            whole.weights(),
            integers),
        "Pad 'layer2.0.shortcut'",
        "0 and 16 channels of zeros where resnet8 has 2, 8 and 8");
  }

  @Test
  void refusesWhatIsAroundTheNetwork() {
    OnnxGraph whole = graph(BOTTLENECKS);
    List<OnnxNode> nodes = new ArrayList<>();
    nodes.add(OnnxNode.of("scale", "Mul", List.of("input", "fc.bias"), "scaled", Map.of()));
    for (OnnxNode node : whole.nodes()) {
      nodes.add(
          node.name().equals("conv1")
              ? OnnxNode.of(
                  "conv1", "Conv", List.of("scaled", "conv1.weight"), "conv1", node.attributes())
              : node);
    }
    assertRefused(withNodes(whole, nodes), "Mul 'scale'", "first convolution is wanted");
    List<OnnxValue> two = new ArrayList<>(whole.inputs());
    two.add(new OnnxValue("mask", List.of("batch")));
    assertRefused(
        new OnnxGraph("g", two, whole.outputs(), whole.nodes(), whole.weights(), whole.integers()),
        "2 inputs besides its weights [input, mask]");
    List<OnnxValue> more = new ArrayList<>(whole.outputs());
    more.add(new OnnxValue("layer1.0.conv1", List.of("batch")));
    assertRefused(
        new OnnxGraph("g", whole.inputs(), more, whole.nodes(), whole.weights(), whole.integers()),
        "gives 'layer1.0.conv1', which is neither logits nor what a stage gives");
  }

  @Test
  void refusesGraphsThatContradictThemselves() {
    OnnxGraph whole = graph(BOTTLENECKS);
    List<OnnxNode> turned = new ArrayList<>(whole.nodes());
    java.util.Collections.swap(turned, 0, 1);
    assertRefused(withNodes(whole, turned), "takes 'conv1', which nothing before it gives");
    List<OnnxNode> twice = new ArrayList<>(whole.nodes());
    twice.add(0, twice.get(0));
    assertRefused(withNodes(whole, twice), "Conv 'conv1' gives 'conv1', which is there already");
    assertRefused(withNodes(whole, whole.nodes().subList(0, 1)), "output");
  }

  /** A configuration that was asked for is compared with the graph, not only with shapes. */
  @Test
  void refusesAConfigurationThatTheGraphIsNot() {
    Path file = folder.resolve("model");
    TestOnnx.write(file, graph(BOTTLENECKS), 8, 17);
    assertThatExceptionOfType(WeightsException.class)
        .isThrownBy(() -> ModelFile.open(file, BOTTLENECKS.withStrideInFirst1x1(true)))
        .withMessageContaining("Conv 'layer2.0.conv1' has");
    assertThatExceptionOfType(WeightsException.class)
        .isThrownBy(() -> ModelFile.open(file, ResNetConfig.of("resnet50")))
        .withMessageContaining("'layer2.0.conv2' has")
        .withMessageContaining("where resnet50 has");
    assertThatExceptionOfType(WeightsException.class)
        .isThrownBy(() -> ModelFile.open(file, ResNetConfig.of("resnet8").withClasses(3)))
        .withMessageContaining("Conv 'conv1' has Window[kernel=7");
  }
}
