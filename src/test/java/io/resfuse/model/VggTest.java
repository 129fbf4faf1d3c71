package io.resfuse.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.resfuse.engine.NetworkSpec;
import io.resfuse.tensor.HostTensor;
import io.resfuse.tensor.Shape;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class VggTest {
  /** Parameters and multiply-adds as torchvision's documentation gives them. */
  @ParameterizedTest
  @CsvSource({
    "vgg11,    132863336,  7.61, 11",
    "vgg11_bn, 132868840,  7.61, 11",
    "vgg13,    133047848, 11.31, 13",
    "vgg13_bn, 133053736, 11.31, 13",
    "vgg16,    138357544, 15.47, 16",
    "vgg16_bn, 138365992, 15.47, 16",
    "vgg19,    143667240, 19.63, 19",
    "vgg19_bn, 143678248, 19.63, 19",
  })
  void agreesWithTorchvisionsTable(String name, long parameters, double giga, int layers) {
    ModelSummary summary = ModelSummary.of(NetworkConfig.of(name).build(), 224, 224);
    assertThat(summary.parameters()).isEqualTo(parameters);
    assertThat(Math.round(summary.flops() / 2e7) / 100.0).isEqualTo(giga);
    assertThat(summary.layers()).isEqualTo(layers);
  }

  /** Of github.com/kuangliu/pytorch-cifar, with 10 classes. */
  @ParameterizedTest
  @CsvSource({
    "vgg11_bn_cifar,  9231114, 9",
    "vgg13_bn_cifar,  9416010, 11",
    "vgg16_bn_cifar, 14728266, 14",
    "vgg19_bn_cifar, 20040522, 17",
  })
  void agreesWithTheUsualSmallNetworks(String name, long parameters, int layers) {
    ModelSummary summary = ModelSummary.of(NetworkConfig.of(name).build(), 32, 32);
    assertThat(summary.parameters()).isEqualTo(parameters);
    assertThat(summary.layers()).isEqualTo(layers);
  }

  @Test
  void stagesHalveTheImage() {
    VggConfig config = VggConfig.of("vgg16");
    NetworkSpec network = config.backbone().build();
    List<Shape> shapes = network.shapes(1, 64, 96);
    assertThat(network.outputs().keySet()).containsExactly("c1", "c2", "c3", "c4", "c5");
    assertThat(shapes.get(network.output("c3").id())).isEqualTo(Shape.of(1, 256, 8, 12));
    assertThat(config.stageOutputs().get(4)).isEqualTo(new NetworkConfig.Stage("c5", 512, 32));
  }

  /** The last pooling of the small ones leaves a pixel of 28x28, and of 32x32 one, as 2x2 would. */
  @ParameterizedTest
  @CsvSource({"28, 1", "32, 1", "64, 2"})
  void smallNetworksTakeSmallImages(int size, int left) {
    NetworkSpec network = VggConfig.of("vgg16_bn_cifar").withInputChannels(1).build();
    Shape last = network.shapes(2, size, size).get(network.output("c5").id());
    assertThat(last).isEqualTo(Shape.of(2, 512, left, left));
  }

  @Test
  void refusesImagesThatTheFullyConnectedLayersCannotTake() {
    NetworkSpec network = VggConfig.of("vgg11").build();
    assertThat(network.shapes(1, 256, 288).get(network.output("logits").id()))
        .isEqualTo(Shape.of(1, 1000));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> network.shapes(1, 223, 223))
        .withMessage(
            "vgg11 cannot take images of 223x223: at classifier.0, a window of 7 with dilation 1"
                + " and padding 0 does not fit an image of 6 pixels; use a larger image");
  }

  @Test
  void refusesTablesThatFitNothing() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new VggVariant("vgg", List.of(1, 2), List.of(8), true, 0))
        .withMessageContaining("a width and at least one convolution for each stage");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> VggConfig.of("vgg16").withClasses(-1))
        .withMessage("vgg16 needs classes >= 0 and input channels >= 1, got -1 and 3");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> VggVariant.of("vgg12"))
        .withMessageStartingWith("no VGG is named 'vgg12'; there are vgg11, vgg13,");
  }

  @Test
  void namesTablesByTheirLayers() {
    VggVariant table = VggVariant.of("vgg16_bn");
    VggVariant nameless =
        new VggVariant("", table.convolutions(), table.widths(), true, table.hidden());
    assertThat(nameless.withUsualName()).isEqualTo(table);
    assertThat(new VggVariant("", List.of(1, 2), List.of(8, 8), true, 0).withUsualName().name())
        .isEqualTo("vgg4_bn_small");
  }

  /** torchvision's: the deviation of the fully connected layers is 0.01, their biases are 0. */
  @Test
  void fullyConnectedLayersBeginAsThePaperSays() {
    VggVariant table = new VggVariant("vgg8", List.of(1, 1), List.of(8, 8), false, 64);
    NetworkSpec network = VggConfig.of(table).build();
    var values = Initializer.seeded(3).initialize(network).asMap();
    for (String layer : List.of("classifier.0", "classifier.3", "classifier.6")) {
      assertThat(deviation(values.get(layer + ".weight"))).as(layer).isBetween(0.0094, 0.0106);
      assertThat(values.get(layer + ".bias").toArray()).containsOnly(0);
    }
    assertThat(deviation(values.get("features.3.weight"))).isBetween(0.15, 0.185);
  }

  private static double deviation(HostTensor tensor) {
    double sum = 0;
    for (float value : tensor.toArray()) {
      sum += value * value;
    }
    return Math.sqrt(sum / tensor.shape().elements());
  }
}
