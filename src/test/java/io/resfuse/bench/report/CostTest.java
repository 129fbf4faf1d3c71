package io.resfuse.bench.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.resfuse.engine.Engine.Mode;
import io.resfuse.engine.Operation.Window;
import io.resfuse.engine.Precision;
import io.resfuse.model.ModelSummary;
import io.resfuse.model.ResNetConfig;
import io.resfuse.verify.NetworkCases;
import io.resfuse.verify.OperationShape;
import io.resfuse.verify.OperationShape.Kind;
import io.resfuse.verify.VerifyCase;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class CostTest {
  private static Cost cost(VerifyCase test, Mode mode, Precision precision) {
    var operations = test.network().operations();
    return Cost.of(
        test.network(),
        operations.get(operations.size() - 1),
        new Workload("", mode, test.batch(), test.height(), precision));
  }

  private static VerifyCase conv(int in, int out, Window window, boolean residual) {
    return conv(in, out, window, residual, true);
  }

  /** Of an image, whose gradient nobody wants, or of what another operation gives. */
  private static VerifyCase conv(int in, int out, Window window, boolean residual, boolean image) {
    return new OperationShape(
            Kind.CONV, in, out, !image, window, 1, false, true, residual, true, 2, 6, 6)
        .toCase("");
  }

  @Test
  void convolutionsByHand() {
    // 2 images of 6x6, 8 channels to 16, 3x3: 1152 weights, 576 inputs, 1152 outputs.
    VerifyCase same = conv(8, 16, new Window(3, 1, 1, 1), false);
    assertThat(cost(same, Mode.INFERENCE, Precision.FP32))
        .isEqualTo(new Cost(2 * 2 * 36 * 16 * 8 * 9, 4 * (576 + 1152 + 1152)));
    assertThat(cost(same, Mode.INFERENCE, Precision.BF16).bytes())
        .isEqualTo(2 * (576 + 1152 + 1152));
    // Backward: the result's gradient, input, weights, result, both gradients; one in float32.
    VerifyCase inside = conv(8, 16, new Window(3, 1, 1, 1), false, false);
    assertThat(cost(inside, Mode.TRAINING, Precision.BF16))
        .isEqualTo(
            new Cost(
                3 * 2 * 2 * 36 * 16 * 8 * 9,
                2 * (576 + 1152 + 1152) + 2 * (1152 + 576 + 1152 + 1152 + 576) + 4 * 1152));
    assertThat(cost(same, Mode.TRAINING, Precision.BF16).flop())
        .isEqualTo(2 * 2 * 2 * 36 * 16 * 8 * 9);
  }

  @Test
  void stridesLeavePixelsOutAndResidualsAreRead() {
    // 1x1 with stride 2 touches 9 of 36 pixels: 2 * 9 * 8 inputs, 128 weights, 288 outputs.
    VerifyCase point = conv(8, 16, new Window(1, 2, 0, 1), false);
    assertThat(cost(point, Mode.INFERENCE, Precision.FP32))
        .isEqualTo(new Cost(2 * 2 * 9 * 16 * 8, 4 * (144 + 128 + 288)));
    VerifyCase residual = conv(8, 8, new Window(3, 1, 1, 1), true);
    assertThat(cost(residual, Mode.INFERENCE, Precision.FP16).bytes())
        .isEqualTo(2 * (576 + 576 + 576 + 576));
  }

  @Test
  void theRoofIsTheSlowerOfCopyAndProduct() {
    Ceiling ceiling = new Ceiling("cuda", "gpu", Precision.FP16, 100, 1000);
    assertThat(new Cost(5000, 200).leastSeconds(ceiling)).isEqualTo(5);
    assertThat(new Cost(5000, 900).leastSeconds(ceiling)).isEqualTo(9);
  }

  @ParameterizedTest
  @ValueSource(strings = {"resnet50", "seresnet50"})
  void layersOfANetworkAddUpToItsFlops(String name) {
    var network = ResNetConfig.of(name).build();
    double flop = 0;
    int layers = 0;
    Workload workload = new Workload(name, Mode.INFERENCE, 1, 224, Precision.FP32);
    for (NetworkCases.Layer layer : new NetworkCases(network, 1, 224, 224).layers()) {
      flop += layer.count() * Cost.of(network, layer.operation(), workload).flop();
      layers += layer.count();
    }
    assertThat(layers).isEqualTo(network.operations().size());
    double expected = ModelSummary.of(network, 224, 224).flops();
    assertThat(flop / expected).isCloseTo(1, within(1e-12));
  }
}
