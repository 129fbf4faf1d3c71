package io.resfuse.weights;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.resfuse.engine.Engine;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.Engines;
import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.Parameters;
import io.resfuse.engine.Quantization;
import io.resfuse.engine.RandomPictures;
import io.resfuse.engine.TestData;
import io.resfuse.engine.onednn.Int8Equality;
import io.resfuse.model.ResNetConfig;
import io.resfuse.model.ResNetVariant;
import io.resfuse.quantize.QuantizationOptions;
import io.resfuse.quantize.Quantizer;
import io.resfuse.tensor.DataType;
import io.resfuse.tensor.HostTensor;
import io.resfuse.tensor.Shape;
import io.resfuse.weights.format.SafetensorsWriter;
import io.resfuse.weights.format.SafetensorsWriter.Int8Tensor;
import io.resfuse.weights.format.TensorFile;
import io.resfuse.weights.format.WeightsException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Files of quantised models. */
class QuantizedFileTest {
  private static final ResNetConfig CONFIG =
      ResNetConfig.of(ResNetVariant.cifar(8, true)).withClasses(3);
  private static final NetworkSpec NETWORK = CONFIG.build();

  @TempDir private Path folder;

  private static Parameters quantized(Set<String> keep) {
    Parameters parameters = TestData.parameters(NETWORK);
    try (Engine engine = Engines.open("reference", new EngineOptions(1, ""))) {
      Quantization integers =
          new Quantizer(engine, 1)
              .quantize(
                  NETWORK,
                  parameters,
                  new RandomPictures(NETWORK, 2, 8, 8),
                  QuantizationOptions.DEFAULTS.withKeep(keep));
      return parameters.withQuantization(integers);
    }
  }

  private Path save(Parameters parameters) {
    Path file = folder.resolve("int8.safetensors");
    ModelFile.saveQuantized(
        file,
        new ModelMetadata(CONFIG, "cifar", List.of("a", "b", "c"), Map.of("license", "none")),
        parameters,
        Map.of("method", "mse", "pictures", 2L));
    return file;
  }

  @Test
  void comeBackAsTheyWere() throws IOException {
    Parameters whole = quantized(Set.of());
    for (Parameters parameters :
        List.of(whole, Int8Equality.shifted(whole), quantized(Set.of("stem", "layer2")))) {
      Path file = save(parameters);
      byte[] bytes = Files.readAllBytes(file);
      ModelFile opened = ModelFile.open(file);
      assertThat(opened.parameters().quantization()).isEqualTo(parameters.quantization());
      assertThat(opened.metadata().labels()).containsExactly("a", "b", "c");
      assertThat(opened.report().isExact()).isTrue();
      assertThat(opened.describe()).contains("int8 weights", "method mse", "pictures 2");
      assertThat(opened.parameters().get("fc.weight").toArray())
          .isEqualTo(parameters.get("fc.weight").toArray());
      assertThat(TensorFile.open(file).tensors().get("layer1.0.conv1.weight").type())
          .isEqualTo(DataType.INT8);
      save(opened.parameters());
      assertThat(Files.readAllBytes(file)).isEqualTo(bytes);
    }
  }

  /** The floats of a quantised file are what its integers stand for. */
  @Test
  void floatsAreIntegersTimesScales() {
    Parameters parameters = quantized(Set.of());
    Parameters opened = ModelFile.open(save(parameters)).parameters();
    var weights = parameters.quantization().weights().get("layer2.0.conv1");
    float[] floats = opened.get("layer2.0.conv1.weight").toArray();
    int perChannel = floats.length / weights.scales().length;
    for (int i = 0; i < floats.length; i++) {
      assertThat(floats[i]).isEqualTo(weights.weights()[i] * weights.scales()[i / perChannel]);
    }
    assertThat(opened.get("layer2.0.bn1.bias").toArray()).isEqualTo(weights.bias());
  }

  /** The tensors of a file, to be damaged. */
  private void damaged(
      String expected, String remove, Map<String, HostTensor> add, Map<String, Int8Tensor> bytes) {
    damaged(expected, remove, add, bytes, UnaryOperator.identity());
  }

  private void damaged(
      String expected,
      String remove,
      Map<String, HostTensor> add,
      Map<String, Int8Tensor> bytes,
      UnaryOperator<String> describe) {
    TensorFile whole = TensorFile.open(save(quantized(Set.of())));
    Map<String, HostTensor> floats = new LinkedHashMap<>();
    Map<String, Int8Tensor> integers = new LinkedHashMap<>();
    whole
        .tensors()
        .forEach(
            (name, tensor) -> {
              if (tensor.type() == DataType.INT8) {
                float[] values = tensor.load().toArray();
                byte[] small = new byte[values.length];
                for (int i = 0; i < small.length; i++) {
                  small[i] = (byte) values[i];
                }
                integers.put(name, new Int8Tensor(tensor.shape(), small));
              } else {
                floats.put(name, tensor.load());
              }
            });
    floats.remove(remove);
    floats.putAll(add);
    integers.putAll(bytes);
    Path file = folder.resolve("damaged.safetensors");
    Map<String, String> metadata = new LinkedHashMap<>(whole.metadata());
    metadata.computeIfPresent("resfuse.quantization", (key, text) -> describe.apply(text));
    SafetensorsWriter.write(file, floats, integers, metadata, written -> {});
    assertThatThrownBy(() -> ModelFile.open(file))
        .isInstanceOf(WeightsException.class)
        .hasMessageContaining(expected)
        .satisfies(e -> assertThat(e.getMessage().lines()).hasSize(1));
  }

  @Test
  void damageIsNamed() {
    damaged("conv1.bias needs shape 16, it is missing", "conv1.bias", Map.of(), Map.of());
    damaged("input.activation_scale needs shape 1", "input.activation_scale", Map.of(), Map.of());
    damaged(
        "scale of an activation",
        "",
        Map.of("conv1.activation_scale", HostTensor.of(Shape.of(1), -1f)),
        Map.of());
    damaged(
        "channel 2 has the scale",
        "",
        Map.of("conv1.weight_scale", HostTensor.zeros(Shape.of(16))).entrySet().stream()
            .collect(
                java.util.stream.Collectors.toMap(
                    Map.Entry::getKey,
                    e -> {
                      e.getValue().set(0, 1);
                      e.getValue().set(1, 1);
                      return e.getValue();
                    })),
        Map.of());
    damaged(
        "no place for conv1.extra",
        "",
        Map.of("conv1.extra", HostTensor.zeros(Shape.of(1))),
        Map.of());
    damaged(
        "weight 0 is -128",
        "",
        Map.of(),
        Map.of(
            "conv1.weight",
            new Int8Tensor(Shape.of(16, 3, 3, 3), filled(16 * 27, Byte.MIN_VALUE))));
  }

  @Test
  void descriptionsMustFit() {
    damaged("reads version 2: use the one that wrote", "\"version\":2", "\"version\":1");
    damaged("input has the zero point 256", "\"input\":128", "\"input\":256");
    damaged("input has the zero point a", "\"input\":128", "\"input\":\"a\"");
  }

  private void damaged(String expected, String before, String after) {
    damaged(
        expected,
        "",
        Map.of(),
        Map.of(),
        description -> {
          assertThat(description).contains(before);
          return description.replace(before, after);
        });
  }

  private static byte[] filled(int length, byte value) {
    byte[] bytes = new byte[length];
    java.util.Arrays.fill(bytes, value);
    return bytes;
  }

  @Test
  void trainingWantsTheOriginal() {
    Path file = save(quantized(Set.of()));
    assertThatThrownBy(
            () -> ModelFile.openLenient(file, CONFIG, io.resfuse.model.Initializer.seeded(1)))
        .isInstanceOf(WeightsException.class)
        .hasMessageContaining("quantised");
  }
}
