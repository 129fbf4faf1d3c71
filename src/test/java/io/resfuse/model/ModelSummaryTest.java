package io.resfuse.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.resfuse.tensor.Shape;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ModelSummaryTest {
  private static ModelSummary summary(ResNetConfig config) {
    int size = config.variant().imageSize();
    return ModelSummary.of(config.build(), size, size);
  }

  /**
   * Parameters and multiply-adds as torchvision's documentation gives them (GFLOPS, two decimals).
   */
  @ParameterizedTest
  @CsvSource({
    "resnet18,         11689512,  1.81, 18",
    "resnet34,         21797672,  3.66, 34",
    "resnet50,         25557032,  4.09, 50",
    "resnet101,        44549160,  7.80, 101",
    "resnet152,        60192808, 11.51, 152",
    "wide_resnet50_2,  68883240, 11.40, 50",
    "wide_resnet101_2, 126886696, 22.75, 101",
    "resnext50_32x4d,  25028904,  4.23, 50",
    "resnext101_32x8d, 88791336, 16.41, 101",
  })
  void agreesWithTorchvisionsTable(String name, long parameters, double giga, int layers) {
    ModelSummary summary = summary(ResNetConfig.of(name));
    assertThat(summary.parameters()).isEqualTo(parameters);
    assertThat(Math.round(summary.flops() / 2e7) / 100.0).isEqualTo(giga);
    assertThat(summary.layers()).isEqualTo(layers);
  }

  /** He et al. 2015, table 6, gives 0.27 M, 0.46 M, 0.66 M, 0.85 M and 1.7 M. */
  @ParameterizedTest
  @CsvSource({
    "resnet20,   269722, 20",
    "resnet32,   464154, 32",
    "resnet44,   658586, 44",
    "resnet56,   853018, 56",
    "resnet110, 1727962, 110",
    "plain20,    269722, 20",
    "plain56,    853018, 56",
  })
  void agreesWithThePapersCifarNetworks(String name, long parameters, int layers) {
    ModelSummary summary = summary(ResNetConfig.of(name));
    assertThat(summary.parameters()).isEqualTo(parameters);
    assertThat(summary.layers()).isEqualTo(layers);
  }

  /** Of github.com/kuangliu/pytorch-cifar, with 10 classes. */
  @ParameterizedTest
  @CsvSource({
    "resnet18_cifar,  11173962, 18",
    "resnet34_cifar,  21282122, 34",
    "resnet50_cifar,  23520842, 50",
    "resnet101_cifar, 42512970, 101",
    "resnet152_cifar, 58156618, 152",
  })
  void agreesWithTheWideCifarNetworksThatAreTrainedMost(String name, long parameters, int layers) {
    ModelSummary summary = summary(ResNetConfig.of(name));
    assertThat(summary.parameters()).isEqualTo(parameters);
    assertThat(summary.layers()).isEqualTo(layers);
    assertThat(ResNetConfig.of(name).shortcut()).isEqualTo(ResNetConfig.Shortcut.PROJECTION);
  }

  @Test
  void kerasHasBiasesAndAllItsParameters() {
    ModelSummary summary = summary(ResNetConfig.keras("resnet50"));
    // Keras counts running statistics as parameters.
    assertThat(summary.parameters() + summary.buffers()).isEqualTo(25_636_712);
  }

  @Test
  void plainNetworksHaveNoShortcuts() {
    ModelSummary plain = summary(ResNetConfig.of("plain18"));
    assertThat(plain.rows()).noneMatch(row -> row.kind().contains("add"));
    assertThat(plain.layers()).isEqualTo(18);
  }

  @Test
  void projectionShortcutsOfSmallNetworksAddTheirParameters() {
    ResNetConfig optionB =
        ResNetConfig.of("resnet20").withShortcut(ResNetConfig.Shortcut.PROJECTION);
    long projections = 16 * 32 + 2 * 32 + 32 * 64 + 2 * 64;
    assertThat(summary(optionB).parameters()).isEqualTo(269_722 + projections);
  }

  @Test
  void backbonesGiveStagesWithStridesAndChannels() {
    ResNetConfig config =
        ResNetConfig.of("resnet50").backbone().replaceStrideWithDilation(false, true, true);
    assertThat(config.stageOutputs())
        .containsExactly(
            new NetworkConfig.Stage("c2", 256, 4),
            new NetworkConfig.Stage("c3", 512, 8),
            new NetworkConfig.Stage("c4", 1024, 8),
            new NetworkConfig.Stage("c5", 2048, 8));
    var network = config.build();
    assertThat(network.outputs()).containsOnlyKeys("c2", "c3", "c4", "c5");
    assertThat(network.shapes(2, 65, 97).get(network.output("c5").id()))
        .isEqualTo(Shape.of(2, 2048, 9, 13));
  }

  @Test
  void saysWhatIsWrong() {
    assertThatThrownBy(() -> ResNetConfig.of("resnet51")).hasMessageContaining("resnet50");
    assertThatThrownBy(() -> ResNetVariant.cifar(21, true)).hasMessageContaining("6 n + 2");
    assertThatThrownBy(
            () -> ResNetConfig.of("resnet18").replaceStrideWithDilation(false, false, true))
        .hasMessageContaining("basic blocks");
    assertThatThrownBy(
            () -> ResNetConfig.of("resnet50d").replaceStrideWithDilation(false, false, true))
        .hasMessageContaining("resnet50d cannot be dilated");
  }
}
