package io.resfuse.weights.onnx;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.resfuse.engine.Parameters;
import io.resfuse.engine.TestData;
import io.resfuse.model.NetworkConfig;
import io.resfuse.model.VggConfig;
import io.resfuse.model.VggVariant;
import io.resfuse.tensor.HostTensor;
import io.resfuse.tensor.Shape;
import io.resfuse.weights.ModelFile;
import io.resfuse.weights.ModelMetadata;
import io.resfuse.weights.format.OnnxGraph;
import io.resfuse.weights.format.OnnxNode;
import io.resfuse.weights.format.OnnxValue;
import io.resfuse.weights.format.OnnxWriter;
import io.resfuse.weights.format.WeightsException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class VggOnnxTest {
  @TempDir Path folder;

  private static VggConfig narrow(boolean batchNorm, int hidden) {
    VggVariant table =
        new VggVariant("", List.of(1, 2, 1), List.of(4, 6, 8), batchNorm, hidden).withUsualName();
    return VggConfig.of(table).withClasses(5).withInputChannels(2);
  }

  private Path write(OnnxGraph graph) {
    Path file = folder.resolve("vgg.onnx");
    OnnxWriter.write(file, graph, Map.of());
    return file;
  }

  private static void assertSame(ModelFile model, Parameters expected) {
    expected
        .asMap()
        .forEach(
            (name, tensor) ->
                assertThat(model.parameters().get(name).toArray())
                    .as(name)
                    .isEqualTo(tensor.toArray()));
  }

  @ParameterizedTest
  @CsvSource({"true, 0, 5", "false, 0, 5", "true, 16, 5", "false, 16, 5", "true, 0, 0"})
  void ownGraphsComeBack(boolean batchNorm, int hidden, int classes) {
    VggConfig config = narrow(batchNorm, hidden).withClasses(classes);
    Parameters parameters = TestData.parameters(config.build());
    ModelFile model = ModelFile.open(write(OnnxExport.graph(config.build(), parameters, false)));
    assertThat(model.config()).isEqualTo(config);
    assertSame(model, parameters);
  }

  @Test
  void describedGraphsComeBack() {
    Path file = folder.resolve("described.onnx");
    ModelMetadata metadata = ModelMetadata.of(narrow(false, 16));
    Parameters parameters = TestData.parameters(metadata.config().build());
    ModelFile.saveOnnx(file, metadata, parameters, false);
    assertThat(ModelFile.open(file).metadata()).isEqualTo(metadata);
    assertSame(ModelFile.open(file), parameters);
  }

  /** Convolutions have biases without batch norms, too, so that nothing has to come back. */
  @Test
  void foldedGraphsAreTheNetworkWithoutBatchNorms() {
    VggConfig config = narrow(true, 0);
    Parameters parameters = TestData.parameters(config.build());
    ModelFile model = ModelFile.open(write(OnnxExport.graph(config.build(), parameters, true)));
    assertThat(((VggConfig) model.config()).variant().batchNorm()).isFalse();
    assertThat(model.config().stageOutputs()).isEqualTo(config.stageOutputs());
  }

  /** As torch.onnx.export writes it: poolings of one pixel, Flatten, three products. */
  private static OnnxGraph torchvisions(VggConfig config, Parameters parameters) {
    OnnxGraph ours = OnnxExport.graph(config.build(), parameters, false);
    List<OnnxNode> nodes = new ArrayList<>();
    String last = "";
    for (OnnxNode node : ours.nodes()) {
      if (node.inputs().stream().anyMatch(input -> input.startsWith("classifier"))) {
        break;
      }
      nodes.add(node);
      last = node.outputs().get(0);
    }
    Map<String, Object> one =
        Map.of("kernel_shape", new long[] {1, 1}, "strides", new long[] {1, 1});
    nodes.add(OnnxNode.of("avgpool", "AveragePool", List.of(last), "adapted", one));
    nodes.add(OnnxNode.of("flatten", "Flatten", List.of("adapted"), "flat", Map.of("axis", 1L)));
    String value = "flat";
    for (int layer : new int[] {0, 3, 6}) {
      String name = "classifier." + layer;
      String result = layer == 6 ? "output" : name;
      nodes.add(
          OnnxNode.of(
              name,
              "Gemm",
              List.of(value, name + ".weight", name + ".bias"),
              result,
              Map.of("transB", 1L)));
      value = name + ".relu";
      if (layer < 6) {
        nodes.add(OnnxNode.of(value, "Relu", List.of(name), value, Map.of()));
      }
    }
    Map<String, HostTensor> weights = new LinkedHashMap<>(ours.weights());
    config
        .build()
        .parameters()
        .values()
        .forEach(
            parameter ->
                weights.put(
                    parameter.name(),
                    HostTensor.of(
                        config.storedShape(parameter), parameters.get(parameter).buffer())));
    OnnxValue image = new OnnxValue("input", List.of("batch", 2L, 56L, 56L));
    return new OnnxGraph(
        ours.name(), List.of(image), ours.outputs(), nodes, weights, Map.of(), Map.of());
  }

  @ParameterizedTest
  @CsvSource({"true", "false"})
  void readsProductsAsTheDenseConvolutions(boolean batchNorm) {
    VggConfig config = narrow(batchNorm, 16);
    Parameters parameters = TestData.parameters(config.build());
    ModelFile model = ModelFile.open(write(torchvisions(config, parameters)));
    assertThat(model.config()).isEqualTo(config);
    assertThat(model.parameters().get("classifier.0.weight").shape())
        .isEqualTo(Shape.of(16, 8, 7, 7));
    assertSame(model, parameters);
  }

  @Test
  void refusesAnotherNetworkThanWasStated() {
    VggConfig config = narrow(false, 16);
    Path file = write(OnnxExport.graph(config.build(), TestData.parameters(config.build()), false));
    assertThatExceptionOfType(WeightsException.class)
        .isThrownBy(() -> ModelFile.open(file, NetworkConfig.of("vgg16")))
        .withMessageContaining("is in a network without the features.");
    assertThatExceptionOfType(WeightsException.class)
        .isThrownBy(() -> ModelFile.open(file, NetworkConfig.of("resnet20")))
        .withMessageContaining("its graph is none of a network known here");
    VggVariant shorter = new VggVariant("short", List.of(1, 1, 1), List.of(4, 6, 8), false, 16);
    assertThatExceptionOfType(WeightsException.class)
        .isThrownBy(() -> ModelFile.open(file, VggConfig.of(shorter)))
        .withMessageContaining("is no part of short, which is shorter");
  }
}
