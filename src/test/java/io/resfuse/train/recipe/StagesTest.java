package io.resfuse.train.recipe;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.resfuse.model.NetworkConfig;
import java.util.List;
import org.junit.jupiter.api.Test;

class StagesTest {
  @Test
  void residualNetworksHaveTheirLayers() {
    Stages stages = Stages.of(NetworkConfig.of("resnet50d").build());
    assertThat(stages.names())
        .containsExactly("stem", "layer1", "layer2", "layer3", "layer4", "head");
    assertThat(stages.of("conv1.3.weight")).isEqualTo("stem");
    assertThat(stages.of("fc.bias")).isEqualTo("head");
  }

  /** A pooling ends a stage, whatever place in the Sequential it has. */
  @Test
  void vggsHaveStagesBetweenPoolings() {
    Stages stages = Stages.of(NetworkConfig.of("vgg16").build());
    assertThat(stages.names())
        .containsExactly("stage1", "stage2", "stage3", "stage4", "stage5", "classifier", "head");
    assertThat(stages.of("features.28.bias")).isEqualTo("stage5");
    assertThat(Stages.of(NetworkConfig.of("vgg11").build()).of("features.11.weight"))
        .isEqualTo("stage4");
    assertThat(stages.of("classifier.3.weight")).isEqualTo("classifier");
    assertThat(stages.parametersOf(List.of("head")))
        .containsExactlyInAnyOrder("classifier.6.weight", "classifier.6.bias");
    assertThat(Stages.of(NetworkConfig.of("vgg11_bn_cifar").build()).names())
        .containsExactly("stage1", "stage2", "stage3", "stage4", "stage5", "head");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> stages.parametersOf(List.of("layer1")))
        .withMessage(
            "vgg16 has no stage 'layer1'; it has stage1, stage2, stage3, stage4, stage5,"
                + " classifier, head");
  }

  @Test
  void segmentationNetworksHaveTheirBackbones() {
    Stages stages = Stages.of(NetworkConfig.of("deeplabv3_resnet50").build());
    assertThat(stages.names())
        .containsExactly("stem", "layer1", "layer2", "layer3", "layer4", "head");
    assertThat(stages.of("backbone.layer3.0.conv2.weight")).isEqualTo("layer3");
    assertThat(stages.of("backbone.bn1.bias")).isEqualTo("stem");
    assertThat(stages.of("classifier.0.convs.1.0.weight")).isEqualTo("head");
    assertThat(stages.of("aux_classifier.4.bias")).isEqualTo("head");
  }
}
