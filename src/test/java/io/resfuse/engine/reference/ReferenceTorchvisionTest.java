package io.resfuse.engine.reference;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.offset;

import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.Operation;
import io.resfuse.engine.Operation.FusedConv;
import io.resfuse.engine.Parameters;
import io.resfuse.engine.Precision;
import io.resfuse.engine.TestData;
import io.resfuse.engine.TorchvisionCase;
import io.resfuse.engine.TorchvisionCase.Expected;
import io.resfuse.verify.Tolerance;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The reference engine against torchvision in float64: every array's norm and sums with random
 * signs, to 1e-9 of the norm. Rounding in float64 explains about 1e-12.
 */
class ReferenceTorchvisionTest {
  private static final double TOLERANCE = 1e-9;
  private static final ReferenceEngine engine = new ReferenceEngine(EngineOptions.defaults());

  @AfterAll
  static void close() {
    engine.close();
  }

  static List<String> cases() {
    return TorchvisionCase.NAMES;
  }

  @ParameterizedTest
  @MethodSource("cases")
  void inference(String name) {
    TorchvisionCase test = TorchvisionCase.of(name);
    double[] logits = test.inference(engine, test.network(), Precision.FP64);
    compare(test, "inference", logits);
  }

  @ParameterizedTest
  @MethodSource("cases")
  void training(String name) {
    TorchvisionCase test = TorchvisionCase.of(name);
    NetworkSpec network = test.network();
    Parameters parameters = TestData.parameters(network);
    try (ReferenceTrainingPlan plan =
        engine.planTraining(network, parameters, test.options(Precision.FP64))) {
      assertThat(test.step(plan)).isCloseTo(test.loss(), offset(TOLERANCE * test.loss()));
      test.arrays().keySet().stream()
          .filter(array -> !array.equals("inference"))
          .forEach(array -> compare(test, array, test.array(plan, network, parameters, array)));
      // Nothing is left out: all gradients and running statistics are expected, but gradients of
      // biases before batch norms, which are 0.
      int outputs = plan.options().outputs().size();
      assertThat(test.arrays())
          .hasSize(network.parameters().size() - unused(network) + outputs + 2);
    }
  }

  private static int unused(NetworkSpec network) {
    int biases = 0;
    for (Operation operation : network.operations()) {
      boolean unused =
          operation instanceof FusedConv conv && conv.bias() != null && conv.batchNorm() != null;
      biases += unused ? 1 : 0;
    }
    return biases;
  }

  private static void compare(TorchvisionCase test, String array, double[] got) {
    Expected expected = test.arrays().get(array);
    double allowed = TOLERANCE * expected.norm();
    assertThat(Tolerance.norm(got))
        .as("norm: %s", array)
        .isCloseTo(expected.norm(), offset(allowed));
    double[] sums = TorchvisionCase.sums(array, got);
    for (int j = 0; j < sums.length; j++) {
      assertThat(sums[j])
          .as("sum %d: %s", j, array)
          .isCloseTo(expected.sums().get(j), offset(allowed));
    }
  }
}
