package io.resfuse.weights;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.resfuse.engine.Parameters;
import io.resfuse.engine.TestData;
import io.resfuse.model.Initializer;
import io.resfuse.model.NetworkConfig;
import io.resfuse.model.ResNetConfig;
import io.resfuse.model.ResNetVariant;
import io.resfuse.model.ResNetVariant.BlockKind;
import io.resfuse.model.ResNetVariant.StemKind;
import io.resfuse.model.SegmentationConfig;
import io.resfuse.model.SegmentationConfig.Head;
import io.resfuse.tensor.HostTensor;
import io.resfuse.weights.format.SafetensorsWriter;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class SegmentationFilesTest {
  @TempDir Path folder;

  private static SegmentationConfig small(Head head) {
    ResNetVariant variant =
        new ResNetVariant(
            "resnet20",
            BlockKind.BASIC,
            StemKind.CIFAR,
            List.of(3, 3, 3),
            List.of(16, 32, 64),
            1,
            64,
            true);
    ResNetConfig backbone = ResNetConfig.of(variant);
    assertThat(backbone).isEqualTo(ResNetConfig.of("resnet20"));
    NetworkConfig five = SegmentationConfig.of(head, backbone).withClasses(5);
    return ((SegmentationConfig) five).withPyramid(24, List.of(3, 6, 9));
  }

  private Path write(Map<String, HostTensor> tensors) {
    Path file = folder.resolve("maps.safetensors");
    SafetensorsWriter.write(file, tensors, Map.of());
    return file;
  }

  private static void assertSame(Parameters got, Parameters expected) {
    expected
        .asMap()
        .forEach((name, tensor) -> assertThat(got.get(name).toArray()).isEqualTo(tensor.toArray()));
  }

  @ParameterizedTest
  @EnumSource(Head.class)
  void savedModelsDescribeThemselves(Head head) {
    SegmentationConfig config = small(head).withAuxiliary(false);
    Parameters parameters = TestData.parameters(config.build());
    Path file = folder.resolve("model.safetensors");
    ModelFile.save(file, ModelMetadata.of(config), parameters);
    ModelFile opened = ModelFile.open(file);
    assertThat(opened.config()).isEqualTo(config);
    assertThat(opened.describe()).contains("auxiliary head no");
    assertThatThrownBy(opened::requireHead)
        .hasMessageContaining("gives each pixel a class, not the picture");
    assertSame(opened.parameters(), parameters);
  }

  /** Names as torchvision writes them, and behind what wrappers put before them. */
  @ParameterizedTest
  @ValueSource(strings = {"", "module.", "model."})
  void torchvisionsNamesAreRecognised(String prefix) {
    for (Head head : Head.values()) {
      SegmentationConfig config = small(head);
      Parameters parameters = TestData.parameters(config.build());
      Map<String, HostTensor> tensors = new LinkedHashMap<>();
      parameters.asMap().forEach((name, tensor) -> tensors.put(prefix + name, tensor));
      ModelFile opened = ModelFile.open(write(tensors));
      SegmentationConfig found = (SegmentationConfig) opened.config();
      assertThat(found.build().parameters()).isEqualTo(config.build().parameters());
      assertThat(found.head()).isEqualTo(head);
      assertThat(opened.report().unexpected()).isEmpty();
      assertSame(opened.parameters(), parameters);
      // The ResNet in it, without its heads.
      ResNetConfig backbone = config.backbone();
      ModelFile stages = ModelFile.open(write(tensors), backbone);
      assertThat(stages.parameters().get("layer3.2.conv2.weight").toArray())
          .isEqualTo(parameters.get("backbone.layer3.2.conv2.weight").toArray());
    }
  }

  @Test
  void classifiersGiveTheBackbone() {
    ResNetConfig classifier = ResNetConfig.of("resnet20");
    Parameters parameters = TestData.parameters(classifier.build());
    Path file = write(parameters.asMap());
    SegmentationConfig config = small(Head.FCN);
    ModelFile opened = ModelFile.openLenient(file, config, Initializer.seeded(3));
    assertThat(opened.parameters().get("backbone.layer2.0.bn1.running_var").toArray())
        .isEqualTo(parameters.get("layer2.0.bn1.running_var").toArray());
    assertThat(opened.report().missing())
        .isNotEmpty()
        .allMatch(name -> name.contains("classifier."));
    assertThat(opened.report().unexpected()).containsExactly("fc.weight", "fc.bias");
    assertThatThrownBy(() -> ModelFile.open(file, config))
        .isInstanceOf(io.resfuse.weights.format.WeightsException.class)
        .hasMessageContaining("its tensors do not fit fcn_resnet20");
  }

  @Test
  void onnxIsRefused() {
    SegmentationConfig config = small(Head.FCN);
    Parameters parameters = TestData.parameters(config.build());
    Path target = folder.resolve("model.onnx");
    assertThatThrownBy(() -> ModelFile.saveOnnx(target, ModelMetadata.of(config), parameters, true))
        .hasMessage(
            "fcn_resnet20 cannot be written as ONNX, for upsample has no operator here; write"
                + " safetensors");
    assertThat(target).doesNotExist();
  }
}
