package io.resfuse.weights;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.resfuse.engine.ParameterSpec;
import io.resfuse.engine.Parameters;
import io.resfuse.engine.TestData;
import io.resfuse.model.Initializer;
import io.resfuse.model.NetworkConfig;
import io.resfuse.model.VggConfig;
import io.resfuse.model.VggVariant;
import io.resfuse.tensor.HostTensor;
import io.resfuse.tensor.Shape;
import io.resfuse.weights.format.SafetensorsWriter;
import io.resfuse.weights.format.TensorFile;
import io.resfuse.weights.format.WeightsException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class VggFilesTest {
  @TempDir Path folder;

  private static VggConfig narrow(boolean batchNorm, int hidden) {
    VggVariant table =
        new VggVariant("", List.of(1, 2, 1), List.of(4, 6, 8), batchNorm, hidden).withUsualName();
    return VggConfig.of(table).withClasses(5).withInputChannels(2);
  }

  private Map<String, HostTensor> stored(NetworkConfig config) {
    Parameters parameters = TestData.parameters(config.build());
    Map<String, HostTensor> tensors = new LinkedHashMap<>();
    for (ParameterSpec parameter : config.build().parameters().values()) {
      tensors.put(
          parameter.name(),
          HostTensor.of(config.storedShape(parameter), parameters.get(parameter).buffer()));
    }
    return tensors;
  }

  private Path write(Map<String, HostTensor> tensors) {
    Path file = folder.resolve("vgg.safetensors");
    SafetensorsWriter.write(file, tensors, Map.of());
    return file;
  }

  private static void assertSame(ModelFile model, NetworkConfig config) {
    Parameters expected = TestData.parameters(config.build());
    assertThat(model.config()).isEqualTo(config);
    expected
        .asMap()
        .forEach(
            (name, tensor) -> {
              assertThat(model.parameters().get(name).shape()).isEqualTo(tensor.shape());
              assertThat(model.parameters().get(name).toArray()).isEqualTo(tensor.toArray());
            });
  }

  /** Nothing but names and shapes: stages by the places of convolutions, head by its matrices. */
  @ParameterizedTest
  @CsvSource({"true, 0", "false, 0", "true, 16", "false, 16"})
  void isToldByNamesAndShapes(boolean batchNorm, int hidden) {
    NetworkConfig config = narrow(batchNorm, hidden);
    ModelFile model = ModelFile.open(write(stored(config)));
    assertSame(model, config);
    assertThat(model.report().notes()).contains("by its names and shapes it is a " + config.name());
  }

  @Test
  void prefixesAndTimmsNamesAreKnown() {
    NetworkConfig config = narrow(false, 16);
    Map<String, HostTensor> tensors = new LinkedHashMap<>();
    config
        .build()
        .parameters()
        .values()
        .forEach(
            parameter ->
                tensors.put(
                    "model."
                        + parameter
                            .name()
                            .replace("classifier.0", "pre_logits.fc1")
                            .replace("classifier.3", "pre_logits.fc2")
                            .replace("classifier.6", "head.fc"),
                    TestData.parameters(config.build()).get(parameter)));
    assertSame(ModelFile.open(write(tensors)), config);
  }

  /** Our own files describe themselves; their matrices are torchvision's. */
  @ParameterizedTest
  @CsvSource({"true, 0", "false, 16"})
  void ownFilesComeBack(boolean batchNorm, int hidden) {
    VggConfig config = narrow(batchNorm, hidden).withEpsilon(1e-3);
    Path file = folder.resolve("own.safetensors");
    ModelMetadata metadata = new ModelMetadata(config, "cifar", List.of(), Map.of("source", "me"));
    ModelFile.save(file, metadata, TestData.parameters(config.build()));
    ModelFile model = ModelFile.open(file);
    assertSame(model, config);
    assertThat(model.metadata()).isEqualTo(metadata);
    if (hidden > 0) {
      assertThat(TensorFile.open(file).tensors().get("classifier.0.weight").shape())
          .isEqualTo(Shape.of(16, 8 * 49));
    }
    assertThat(model.describe())
        .contains("network        " + config.name(), "epsilon        0.001")
        .doesNotContain("stride");
  }

  @Test
  void headsOfOtherSizesAreLeftOutOrNew() {
    Path file = write(stored(narrow(true, 16)));
    NetworkConfig backbone = narrow(true, 16).backbone();
    ModelFile without = ModelFile.open(file, backbone);
    assertThat(without.network().outputs().keySet()).containsExactly("c1", "c2", "c3");
    assertThat(without.parameters().asMap()).doesNotContainKey("classifier.0.weight");
    NetworkConfig more = narrow(true, 16).withClasses(9);
    ModelFile lenient = ModelFile.openLenient(file, more, Initializer.seeded(1));
    assertThat(lenient.report().misshapen()).hasSize(2);
    assertThat(lenient.parameters().get("classifier.6.weight").shape()).isEqualTo(Shape.of(9, 16));
    assertThat(lenient.parameters().get("features.0.weight").toArray())
        .isEqualTo(TestData.parameters(backbone.build()).get("features.0.weight").toArray());
  }

  /** AlexNet has the same names, and other kernels. */
  @Test
  void otherNetworksOfTheSameNamesAreRefused() {
    Map<String, HostTensor> tensors = new LinkedHashMap<>();
    tensors.put("features.0.weight", HostTensor.zeros(Shape.of(4, 3, 11, 11)));
    tensors.put("features.0.bias", HostTensor.zeros(Shape.of(4)));
    Path file = write(tensors);
    assertThatExceptionOfType(WeightsException.class)
        .isThrownBy(() -> ModelFile.open(file))
        .withMessageContaining("its tensors are named as those of a VGG, but the closest VGG is");
  }

  @Test
  void damagedDescriptionsAreRefused() {
    Path file = folder.resolve("damaged.safetensors");
    VggConfig config = narrow(true, 0);
    Map<String, String> description = ModelMetadata.of(config).toStrings();
    description.replaceAll((key, text) -> text.replace("[1,2,1]", "[1,2,99999]"));
    SafetensorsWriter.write(file, stored(config), description);
    assertThatExceptionOfType(WeightsException.class)
        .isThrownBy(() -> ModelFile.open(file))
        .withMessageContaining("a size is out of range");
    description.replaceAll((key, text) -> text.replace("\"vgg\"", "\"vit\""));
    SafetensorsWriter.write(file, stored(config), description);
    assertThatExceptionOfType(WeightsException.class)
        .isThrownBy(() -> ModelFile.open(file))
        .withMessageContaining("'family' is vit");
  }
}
