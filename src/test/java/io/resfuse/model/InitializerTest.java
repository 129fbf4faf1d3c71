package io.resfuse.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.Parameters;
import io.resfuse.tensor.HostTensor;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Distributions, determinism and the zeroed gammas. */
class InitializerTest {
  private static final NetworkSpec RESNET50 =
      ResNetConfig.of("resnet50").withConvBias(true).build();
  private static final Parameters FRESH = Initializer.seeded(7).initialize(RESNET50);

  private static double mean(float[] values, int power, double center) {
    double sum = 0;
    for (float value : values) {
      sum += Math.pow(value - center, power);
    }
    return sum / values.length;
  }

  private static float largest(float[] values) {
    float largest = 0;
    for (float value : values) {
      largest = Math.max(largest, Math.abs(value));
    }
    return largest;
  }

  @Test
  void drawsConvolutionsFromKaimingsNormalDistribution() {
    float[] weights = FRESH.get("layer4.0.conv2.weight").toArray();
    double deviation = Math.sqrt(2.0 / (512 * 9));
    double count = weights.length;
    // Five standard errors of each moment: one run in millions would miss them by chance, but the
    // seed is fixed.
    assertThat(mean(weights, 1, 0)).isCloseTo(0, within(5 * deviation / Math.sqrt(count)));
    assertThat(mean(weights, 2, 0) / (deviation * deviation))
        .isCloseTo(1, within(5 * Math.sqrt(2 / count)));
    assertThat(mean(weights, 4, 0) / Math.pow(deviation, 4))
        .as("kurtosis of a normal distribution")
        .isCloseTo(3, within(5 * Math.sqrt(96 / count)));
    double correlation = 0;
    for (int i = 1; i < weights.length; i++) {
      correlation += weights[i] * weights[i - 1];
    }
    assertThat(correlation / count / (deviation * deviation))
        .isCloseTo(0, within(5 / Math.sqrt(count)));
  }

  @Test
  void drawsTheHeadFromPyTorchsUniformDistribution() {
    float[] weights = FRESH.get("fc.weight").toArray();
    double bound = 1 / Math.sqrt(2048);
    double count = weights.length;
    assertThat(largest(weights)).isLessThanOrEqualTo((float) bound);
    assertThat(mean(weights, 2, 0) / (bound * bound))
        .isCloseTo(1.0 / 3, within(5 * Math.sqrt(4.0 / 45 / count)));
    assertThat(largest(FRESH.get("fc.bias").toArray()))
        .isBetween((float) (0.9 * bound), (float) bound);
  }

  @Test
  void startsBatchNormsAsIdentities() {
    assertThat(FRESH.get("bn1.weight").toArray()).containsOnly(1);
    assertThat(FRESH.get("bn1.running_var").toArray()).containsOnly(1);
    assertThat(FRESH.get("bn1.bias").toArray()).containsOnly(0);
    assertThat(FRESH.get("bn1.running_mean").toArray()).containsOnly(0);
    assertThat(FRESH.get("conv1.bias").toArray()).containsOnly(0);
  }

  @Test
  void gatesStartAsTimms() {
    Parameters gated = Initializer.seeded(7).initialize(ResNetConfig.of("seresnet34").build());
    float largest = 0;
    for (float value : gated.get("layer4.0.se.fc1.bias").toArray()) {
      largest = Math.max(largest, Math.abs(value));
    }
    // 32 numbers between -b and b, b = 1 / sqrt(512).
    assertThat(largest * Math.sqrt(512)).isBetween(0.5, 1.0);
    double squares = 0;
    float[] weight = gated.get("layer4.0.se.fc1.weight").toArray();
    for (float value : weight) {
      squares += (double) value * value;
    }
    // 32 of 512 channels: 16384 normal values of variance 2 / 32, whose mean square errs by 1.1 %.
    assertThat(squares / weight.length).isCloseTo(2.0 / 32, within(0.05 * 2.0 / 32));
  }

  @Test
  void zeroesTheLastGammaOfEveryBlock() {
    for (String name : new String[] {"resnet20", "resnet50", "seresnet18"}) {
      ResNetConfig config = ResNetConfig.of(name);
      Parameters parameters = Initializer.seeded(7).withZeroLastGamma().initialize(config.build());
      String last = config.variant().block() == ResNetVariant.BlockKind.BASIC ? "bn2" : "bn3";
      parameters
          .asMap()
          .forEach(
              (parameter, tensor) -> {
                if (parameter.matches("layer.*\\.bn.\\.weight|bn1.weight|.*downsample.1.weight")) {
                  boolean zero = parameter.contains(last);
                  assertThat(tensor.toArray()).as(parameter).containsOnly(zero ? 0 : 1);
                }
              });
    }
  }

  @Test
  void dependsOnSeedNameAndShapeOnly() {
    Map<String, HostTensor> one =
        Initializer.seeded(7).initialize(RESNET50, "layer3.5.conv1.weight"::equals);
    assertThat(one.keySet()).containsExactly("layer3.5.conv1.weight");
    assertThat(one.get("layer3.5.conv1.weight").toArray())
        .isEqualTo(FRESH.get("layer3.5.conv1.weight").toArray());
    assertThat(FRESH.get("layer3.5.conv1.weight").toArray())
        .isNotEqualTo(FRESH.get("layer3.4.conv1.weight").toArray());
    assertThat(
            Initializer.seeded(8)
                .initialize(RESNET50, "conv1.weight"::equals)
                .get("conv1.weight")
                .toArray())
        .isNotEqualTo(FRESH.get("conv1.weight").toArray());
    // Pinned: checkpoints and papers depend on a seed meaning the same for ever.
    assertThat(FRESH.get("conv1.weight").get(0)).isEqualTo(PINNED);
  }

  private static final float PINNED = -0.016666895f;
}
