package io.resfuse.weights;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.resfuse.engine.ParameterSpec;
import io.resfuse.model.ResNetConfig;
import io.resfuse.tensor.DataType;
import io.resfuse.tensor.HostTensor;
import io.resfuse.tensor.Shape;
import io.resfuse.weights.format.KerasTopology;
import io.resfuse.weights.format.StoredTensor;
import io.resfuse.weights.format.TensorFile;
import io.resfuse.weights.format.TestWeights;
import io.resfuse.weights.format.WeightFormat;
import io.resfuse.weights.format.WeightsException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Keras's names and layouts against ours. */
class NameMappingTest {
  private static final Map<String, String> VARIABLES =
      Map.of("running_mean", "moving_mean", "running_var", "moving_variance");

  /** Our names to Keras's, written the other way round than the code under test. */
  private static String keras(String parameter, boolean recent, boolean letters) {
    String layer = parameter.substring(0, parameter.lastIndexOf('.'));
    String variable = parameter.substring(parameter.lastIndexOf('.') + 1);
    boolean norm = layer.contains("bn") || layer.endsWith("downsample.1");
    String kerasVariable =
        VARIABLES.getOrDefault(
            variable,
            variable.equals("weight") ? (norm ? "gamma" : "kernel") : (norm ? "beta" : "bias"));
    return kerasLayer(layer, norm, recent, letters) + "/" + kerasVariable;
  }

  private static String kerasLayer(String layer, boolean norm, boolean recent, boolean letters) {
    Map<String, String> outside =
        recent
            ? Map.of("conv1", "conv1_conv", "bn1", "conv1_bn", "fc", "predictions")
            : Map.of("conv1", "conv1", "bn1", "bn_conv1", "fc", "fc1000");
    if (outside.containsKey(layer)) {
      return outside.get(layer);
    }
    String[] parts = layer.split("\\.", -1);
    int stage = parts[0].charAt(5) - '0' + 1;
    int block = Integer.parseInt(parts[1]);
    boolean shortcut = parts[2].equals("downsample");
    int conv = shortcut ? 0 : parts[2].charAt(parts[2].length() - 1) - '0';
    if (recent) {
      return "conv" + stage + "_block" + (block + 1) + "_" + conv + (norm ? "_bn" : "_conv");
    }
    String name = letters ? String.valueOf((char) ('a' + block)) : block == 0 ? "a" : "b" + block;
    return (norm ? "bn" : "res")
        + stage
        + name
        + "_branch"
        + (shortcut ? "1" : "2" + (char) ('a' + conv - 1));
  }

  private static TensorFile kerasFile(
      ResNetConfig config, UnaryOperator<String> naming, Map<String, String> metadata) {
    Map<String, StoredTensor> tensors = new LinkedHashMap<>();
    for (ParameterSpec p : config.build().parameters().values()) {
      Shape s = p.shape();
      Shape theirs =
          switch (s.rank()) {
            case 4 -> Shape.of(s.dimension(2), s.dimension(3), s.dimension(1), s.dimension(0));
            case 2 -> Shape.of(s.dimension(1), s.dimension(0));
            default -> s;
          };
      String name = naming.apply(p.name());
      tensors.put(
          name, new StoredTensor(name, DataType.FLOAT32, theirs, () -> HostTensor.zeros(theirs)));
    }
    return new TensorFile(Path.of("keras"), WeightFormat.KERAS_HDF5, metadata, tensors);
  }

  @ParameterizedTest
  @CsvSource({
    "resnet50, false, true, 0.001",
    "resnet101, false, false, 0.001",
    "resnet50, true, false, 1.001e-5",
    "resnet152, true, false, 1.001e-5"
  })
  void knowsOldAndNewNames(String variant, boolean recent, boolean letters, double epsilon) {
    ResNetConfig config = ResNetConfig.keras(variant).withEpsilon(epsilon).withClasses(5);
    TensorFile file = kerasFile(config, n -> keras(n, recent, letters), Map.of());
    NameMapping mapping = NameMapping.of(file);
    assertThat(VariantGuess.guess(mapping, new ArrayList<>())).isEqualTo(config);
    LoadReport report = mapping.compare(config, List.of());
    assertThat(report.isExact()).as(report.toString()).isTrue();
  }

  @Test
  void knowsDecoratedNamesAndTheTopology() {
    ResNetConfig config =
        ResNetConfig.keras("resnet50").withEpsilon(0.5).withStrideInFirst1x1(false);
    TensorFile file =
        kerasFile(
            config,
            n -> {
              String name = keras(n, false, true).replace("fc1000/", "dense_3/");
              String layer = name.substring(0, name.indexOf('/'));
              return "resnet50/"
                  + name.replace("/kernel", "/" + layer + "_W_1")
                      .replace("/moving_variance", "/" + layer + "_running_std_1")
                  + ":0";
            },
            Map.of(KerasTopology.EPSILON, "0.5", KerasTopology.STRIDE_IN_FIRST_1X1, "false"));
    assertThat(ModelFile.open(file).config()).isEqualTo(config);
  }

  @Test
  void refusesPreActivationNetworks() {
    TensorFile file =
        kerasFile(
            ResNetConfig.keras("resnet50"),
            n -> keras(n, true, false).replace("_1_bn", "_preact_bn"),
            Map.of());
    assertThatExceptionOfType(WeightsException.class)
        .isThrownBy(() -> ModelFile.open(file))
        .withMessageContaining("pre-activation ResNet (V2)");
  }

  @Test
  void transposesKernels() {
    Shape hwio = Shape.of(2, 3, 37, 41);
    HostTensor theirs = HostTensor.of(hwio, TestWeights.values((int) hwio.elements()));
    StoredTensor stored = new StoredTensor("k", DataType.FLOAT32, hwio, () -> theirs);
    HostTensor ours = new MappedTensor("w", stored, MappedTensor.Order.HWIO).load();
    assertThat(ours.shape()).isEqualTo(Shape.of(41, 37, 2, 3));
    for (int o = 0; o < 41; o++) {
      for (int i = 0; i < 37; i++) {
        for (int h = 0; h < 2; h++) {
          for (int w = 0; w < 3; w++) {
            float expected = theirs.get(((h * 3 + w) * 37 + i) * 41 + o);
            assertThat(ours.get(((o * 37 + i) * 2 + h) * 3 + w)).isEqualTo(expected);
          }
        }
      }
    }
    Shape inOut = Shape.of(3, 2);
    HostTensor dense = HostTensor.of(inOut, 1, 2, 3, 4, 5, 6);
    StoredTensor storedDense = new StoredTensor("d", DataType.FLOAT32, inOut, () -> dense);
    HostTensor fc = new MappedTensor("fc", storedDense, MappedTensor.Order.IN_OUT).load();
    assertThat(fc.shape()).isEqualTo(Shape.of(2, 3));
    assertThat(fc.toArray()).containsExactly(1, 3, 5, 2, 4, 6);
  }
}
