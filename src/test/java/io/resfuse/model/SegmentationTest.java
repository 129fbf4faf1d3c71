package io.resfuse.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.Parameters;
import io.resfuse.model.SegmentationConfig.Head;
import io.resfuse.tensor.Shape;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SegmentationTest {
  /** Parameters and multiply-adds of torchvision's documentation, auxiliary heads included. */
  @ParameterizedTest
  @CsvSource({
    "fcn_resnet50,        35322218, 152.72",
    "fcn_resnet101,       54314346, 232.74",
    "deeplabv3_resnet50,  42004074, 178.72",
    "deeplabv3_resnet101, 60996202, 258.74",
  })
  void agreesWithTorchvisionsTable(String name, long parameters, double giga) {
    ModelSummary summary = ModelSummary.of(NetworkConfig.of(name).build(), 520, 520);
    assertThat(summary.parameters()).isEqualTo(parameters);
    assertThat(Math.round(summary.flops() / 2e7) / 100.0).isEqualTo(giga);
  }

  @Test
  void outputsHaveTheSizeOfTheImage() {
    for (NetworkConfig config : NetworkConfig.all()) {
      if (config instanceof SegmentationConfig segmentation) {
        NetworkSpec network = segmentation.withClasses(7).build();
        List<Shape> shapes = network.shapes(2, 61, 48);
        for (String output : List.of("logits", "aux")) {
          assertThat(shapes.get(network.output(output).id())).isEqualTo(Shape.of(2, 7, 61, 48));
        }
        assertThat(segmentation.stageOutputs().get(2).stride())
            .isEqualTo(config.isForSmallImages() ? 4 : 8);
      }
    }
  }

  @Test
  void configurationsAreChecked() {
    SegmentationConfig config = (SegmentationConfig) NetworkConfig.of("FCN_ResNet20");
    assertThat(config.name()).isEqualTo("fcn_resnet20");
    assertThat(config.withClasses(0)).isEqualTo(ResNetConfig.of("resnet20").backbone());
    assertThat(config.withAuxiliary(false).build().outputs()).doesNotContainKey("aux");
    assertThat(config.withInputChannels(1).build().input().channels()).isEqualTo(1);
    ResNetConfig classifier = ResNetConfig.of("resnet20");
    assertThatThrownBy(() -> new SegmentationConfig(Head.FCN, classifier, 3, true, 16, List.of(1)))
        .hasMessage(
            "the backbone of a segmentation network has no head of its own, resnet20 has one of 10"
                + " classes; give its backbone()");
    assertThatThrownBy(() -> NetworkConfig.of("fcn_resnet7"))
        .hasMessageStartingWith("no network is named 'fcn_resnet7'; there are");
  }

  /** PyTorch's default for convolutions, uniform in the inputs' inverse root. */
  @Test
  void headsBeginAsTorchvisions() {
    NetworkSpec network = NetworkConfig.of("deeplabv3_resnet20").build();
    Parameters parameters = Initializer.seeded(1).initialize(network);
    float[] weights = parameters.get("classifier.4.weight").toArray();
    double bound = 1 / Math.sqrt(64);
    double squares = 0;
    for (float weight : weights) {
      assertThat((double) Math.abs(weight)).isLessThanOrEqualTo(bound);
      squares += weight * weight;
    }
    assertThat(squares / weights.length)
        .isBetween(0.9 * bound * bound / 3, 1.1 * bound * bound / 3);
    assertThat(parameters.get("classifier.4.bias").toArray()).doesNotContain(0f);
    assertThat(parameters.get("classifier.2.weight").toArray()).containsOnly(1f);
  }

  @Test
  void summariesNameTheNewOperations() {
    NetworkSpec network = NetworkConfig.of("deeplabv3_resnet20").build();
    assertThat(ModelSummary.of(network, 32, 32).toString())
        .contains("resize bilinearly", "concatenate 5", "conv 3x3 dilated 9 + bn + relu");
  }
}
