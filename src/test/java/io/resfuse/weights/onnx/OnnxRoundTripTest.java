package io.resfuse.weights.onnx;

import static org.assertj.core.api.Assertions.assertThat;

import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.Parameters;
import io.resfuse.engine.TestData;
import io.resfuse.engine.TestNetworks;
import io.resfuse.engine.TestNetworks.TestNetwork;
import io.resfuse.model.ResNetConfig;
import io.resfuse.tensor.HostTensor;
import io.resfuse.weights.ModelFile;
import io.resfuse.weights.ModelMetadata;
import io.resfuse.weights.format.OnnxModel;
import io.resfuse.weights.format.OnnxWriter;
import io.resfuse.weights.format.StoredTensor;
import io.resfuse.weights.format.WeightFormat;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What is written is read again: the same network, and the same bits where nothing is folded. */
class OnnxRoundTripTest {
  @TempDir Path folder;

  static Stream<TestNetwork> networks() {
    return TestNetworks.networks().stream();
  }

  static Parameters read(OnnxNetwork network) {
    Map<String, HostTensor> tensors = new LinkedHashMap<>();
    for (StoredTensor tensor : network.tensors().tensors().values()) {
      tensors.put(tensor.name(), tensor.load());
    }
    return new Parameters(network.config().build(), tensors);
  }

  static void assertSameBits(Parameters found, Parameters expected) {
    assertThat(found.asMap().keySet()).isEqualTo(expected.asMap().keySet());
    expected
        .asMap()
        .forEach((n, t) -> assertThat(found.get(n).toArray()).as(n).isEqualTo(t.toArray()));
  }

  @ParameterizedTest
  @MethodSource("networks")
  void keepsNetworkAndBits(TestNetwork test) {
    Path file = folder.resolve("model.onnx");
    Parameters parameters = TestData.parameters(test.network());
    OnnxWriter.write(file, OnnxExport.graph(test.network(), parameters, false), Map.of());
    OnnxNetwork found = OnnxNetwork.match(OnnxModel.open(file), null);
    assertThat(found.config().build().operations()).isEqualTo(test.network().operations());
    assertSameBits(read(found), parameters);
    assertThat(found.notes()).isEmpty();
  }

  /** The second time nothing is left to fold: the batch norms that came back change nothing. */
  @ParameterizedTest
  @MethodSource("networks")
  void bringsFoldedBatchNormsBack(TestNetwork test) throws IOException {
    Path file = folder.resolve("folded.onnx");
    Path again = folder.resolve("again.onnx");
    Parameters parameters = TestData.parameters(test.network());
    OnnxWriter.write(file, OnnxExport.graph(test.network(), parameters, true), Map.of());
    OnnxNetwork found = OnnxNetwork.match(OnnxModel.open(file), null);
    long convs =
        test.network().parameters().keySet().stream()
            .filter(name -> name.endsWith("running_var"))
            .count();
    assertThat(found.notes()).singleElement().asString().startsWith(convs + " batch norms had");
    Parameters unfolded = read(found);
    assertThat(unfolded.get("bn1.weight").get(0)).isEqualTo(1);
    NetworkSpec network = found.config().build();
    OnnxWriter.write(again, OnnxExport.graph(network, unfolded, true), Map.of());
    Parameters twice = read(OnnxNetwork.match(OnnxModel.open(again), null));
    assertSameBits(twice, unfolded);
    assertThat(Files.size(again))
        .isCloseTo(Files.size(file), org.assertj.core.data.Offset.offset(20L));
  }

  /** What {@code weights convert} does: description, labels and notes go along. */
  @Test
  void keepsTheDescription() {
    ResNetConfig config =
        ResNetConfig.of("resnet8").withClasses(2).withInputChannels(1).withEpsilon(1.001e-5);
    ModelMetadata metadata =
        new ModelMetadata(config, "fashion-mnist", List.of("cat", "dog"), Map.of("license", "MIT"));
    Parameters parameters = TestData.parameters(config.build());
    for (boolean fold : new boolean[] {false, true}) {
      Path file = folder.resolve("model.onnx");
      ModelFile.saveOnnx(file, metadata, parameters, fold);
      ModelFile opened = ModelFile.open(file);
      assertThat(opened.metadata()).isEqualTo(metadata);
      assertThat(opened.file().format()).isEqualTo(WeightFormat.ONNX);
      assertThat(opened.report().isExact()).isTrue();
      assertThat(opened.file().metadata().get(OnnxModel.ABOUT))
          .isEqualTo("opset 17, IR version 8, made by resfuse");
      assertThat(opened.report().notes()).hasSize(fold ? 1 : 0);
      if (!fold) {
        assertSameBits(opened.parameters(), parameters);
      }
      Path copy = folder.resolve("copy.safetensors");
      ModelFile.save(copy, opened.metadata(), opened.parameters());
      assertSameBits(ModelFile.open(copy).parameters(), opened.parameters());
    }
  }

  @Test
  void keepsABackbone() {
    ResNetConfig config = ResNetConfig.of("resnet8").backbone();
    Path file = folder.resolve("model.onnx");
    NetworkSpec network = config.build();
    OnnxWriter.write(
        file, OnnxExport.graph(network, TestData.parameters(network), false), Map.of());
    assertThat(ModelFile.open(file).config()).isEqualTo(config);
  }

  /** A backbone may be asked for where there is a head, another depth may not. */
  @Test
  void takesAStatedConfiguration() {
    ResNetConfig config = ResNetConfig.of("resnet8");
    Path file = folder.resolve("model.onnx");
    NetworkSpec network = config.build();
    OnnxWriter.write(
        file, OnnxExport.graph(network, TestData.parameters(network), false), Map.of());
    assertThat(ModelFile.open(file, config.backbone()).config().classes()).isZero();
    assertThat(ModelFile.open(file, config.withEpsilon(2e-5)).report().notes().get(0))
        .isEqualTo(
            "7 batch norms had another epsilon than 2.0E-5; the difference was added to their"
                + " variances");
  }
}
