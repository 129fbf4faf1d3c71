package io.resfuse.engine.spi;

import static org.assertj.core.api.Assertions.assertThat;

import io.resfuse.engine.NetworkBuilder;
import io.resfuse.engine.NetworkBuilder.Conv;
import io.resfuse.engine.NetworkBuilder.Norm;
import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.Operation;
import io.resfuse.engine.Operation.Window;
import io.resfuse.engine.ParameterSpec;
import io.resfuse.engine.Precision;
import io.resfuse.engine.TrainingOptions;
import io.resfuse.engine.Value;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** On two convolutions, of which the second is a side branch, a pool and a linear layer. */
class GradientFlowTest {
  private static final TrainingOptions OPTIONS = TrainingOptions.standard(2, 4, Precision.FP32);
  private static final Set<String> FIRST = Set.of("first.weight", "bn.weight", "bn.bias");

  private final NetworkSpec network = network();

  private static NetworkSpec network() {
    NetworkBuilder builder = new NetworkBuilder("flow", 3);
    Window window = new Window(3, 1, 1, 1);
    Value first =
        builder.fusedConv(
            builder.input(),
            new Conv("first", 4, window, 1, false, new Norm("bn", 1e-5, 0.1)),
            null,
            true);
    builder.output(
        "side", builder.fusedConv(first, new Conv("side", 5, window, 1, true, null), null, false));
    Value pooled = builder.globalAveragePool("avgpool", first);
    builder.output("logits", builder.linear("fc", pooled, 3));
    return builder.build();
  }

  private static List<String> trained(GradientFlow flow) {
    return flow.trained().stream().map(ParameterSpec::name).toList();
  }

  private static List<String> values(GradientFlow flow) {
    return flow.values().stream().map(Value::name).toList();
  }

  @Test
  void whatLeadsToTheOutputsIsTrained() {
    GradientFlow flow = new GradientFlow(network, OPTIONS);
    assertThat(trained(flow))
        .containsExactly("first.weight", "bn.weight", "bn.bias", "fc.weight", "fc.bias");
    assertThat(values(flow)).containsExactly("first", "avgpool", "fc");
    assertThat(flow.trains(network.parameters().get("side.weight"))).isFalse();
    assertThat(flow.trains(network.parameters().get("bn.running_mean"))).isFalse();
    assertThat(flow.reaches(network.input())).isFalse();
  }

  @Test
  void gradientsStopBelowTheLastTrainedParameter() {
    GradientFlow flow = new GradientFlow(network, OPTIONS.withFrozen(FIRST));
    assertThat(trained(flow)).containsExactly("fc.weight", "fc.bias");
    assertThat(values(flow)).containsExactly("fc");
  }

  @Test
  void imagesThatWantAGradientAreReachedThroughFrozenLayers() {
    GradientFlow flow =
        new GradientFlow(network, OPTIONS.withFrozen(FIRST).withInputGradient(true));
    assertThat(values(flow)).containsExactly("input", "first", "avgpool", "fc");
    assertThat(flow.reaches(network.input())).isTrue();
  }

  @Test
  void batchNormsTakeStatisticsUnlessFrozen() {
    Operation first = network.operations().get(0);
    assertThat(new GradientFlow(network, OPTIONS).takesBatchStatistics(first)).isTrue();
    assertThat(
            new GradientFlow(network, OPTIONS.withFrozen(Set.of("bn.bias")))
                .takesBatchStatistics(first))
        .isTrue();
    assertThat(
            new GradientFlow(network, OPTIONS.withFrozen(Set.of("bn.bias", "bn.weight")))
                .takesBatchStatistics(first))
        .isFalse();
    assertThat(new GradientFlow(network, OPTIONS).takesBatchStatistics(network.operations().get(1)))
        .isFalse();
  }
}
