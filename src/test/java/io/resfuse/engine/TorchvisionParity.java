package io.resfuse.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.offset;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.resfuse.engine.Engine.Mode;
import io.resfuse.engine.TorchvisionCase.Expected;
import io.resfuse.engine.reference.ReferenceEngine;
import io.resfuse.verify.Tolerance;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * An fp32 engine against torchvision on the same weights, images and labels. The float64 truth of
 * every element is the reference engine's, which its own test holds against torchvision's in
 * float64 to 1e-9. An engine's test extends this.
 *
 * <p>Logits and loss may be 1e-5 off, in relative L2. A gradient may be off by twice as much as
 * PyTorch's own in fp32, and 1e-6. In large cases rounding switches ReLUs, in PyTorch as in any
 * engine, and PyTorch's errors are up to 1e-2. Small cases, where it hardly ever does, are where
 * gradients are held to some 1e-6; if one misses, other images decide, and the miss is printed.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
public abstract class TorchvisionParity {
  private Engine engine;
  private ReferenceEngine reference;

  /** Opens the engine. */
  protected abstract Engine open(EngineOptions options);

  @BeforeAll
  final void openEngines() {
    engine = open(EngineOptions.defaults());
    reference = new ReferenceEngine(EngineOptions.defaults());
  }

  @AfterAll
  final void closeEngines() {
    engine.close();
    reference.close();
  }

  final List<String> cases() {
    return TorchvisionCase.NAMES.stream().filter(name -> !name.endsWith("-b")).toList();
  }

  private void assumeCan(Mode mode) {
    Optional<String> reason = engine.whyNot(Precision.FP32, mode);
    assumeTrue(reason.isEmpty(), () -> engine.name() + ": " + reason.orElseThrow());
  }

  @ParameterizedTest
  @MethodSource("cases")
  void inference(String name) {
    assumeCan(Mode.INFERENCE);
    TorchvisionCase test = TorchvisionCase.of(name);
    NetworkSpec network = test.network();
    double[] truth = test.inference(reference, network, Precision.FP64);
    double[] got = test.inference(engine, network, Precision.FP32);
    assertThat(relative(got, truth)).as("relative error of the logits").isLessThan(1e-5);
  }

  @ParameterizedTest
  @MethodSource("cases")
  void training(String name) {
    assumeCan(Mode.TRAINING);
    List<String> misses = misses(TorchvisionCase.of(name));
    if (!misses.isEmpty() && TorchvisionCase.NAMES.contains(name + "-b")) {
      System.out.printf("%s misses on %s: %s%n", engine.name(), name, misses);
      misses = misses(TorchvisionCase.of(name + "-b"));
    }
    assertThat(misses).as("relative errors").isEmpty();
  }

  private List<String> misses(TorchvisionCase test) {
    NetworkSpec network = test.network();
    Parameters parameters = TestData.parameters(network);
    List<String> misses = new ArrayList<>();
    double worst = 0;
    double largest = 0;
    try (TrainingPlan plan =
            engine.planTraining(network, parameters, test.options(Precision.FP32));
        TrainingPlan truth =
            reference.planTraining(network, parameters, test.options(Precision.FP64))) {
      double loss = test.step(plan);
      test.step(truth);
      assertThat(loss).isCloseTo(test.loss(), offset(1e-5 * test.loss()));
      Parameters after = Parameters.zeros(network);
      plan.readParameters(after);
      for (String array : test.arrays().keySet()) {
        if (array.equals("inference")) {
          continue;
        }
        Expected expected = test.arrays().get(array);
        double error =
            relative(
                test.array(plan, network, after, array), test.array(truth, network, after, array));
        boolean gradient = array.startsWith("gradient");
        double allowed = gradient ? 2 * expected.pytorchError() + 1e-6 : 1e-5;
        worst = Math.max(worst, error / allowed);
        largest = Math.max(largest, error);
        if (!(error <= allowed)) {
          misses.add(
              String.format(
                  "%s: %.3e, allowed %.3e, PyTorch %.3e",
                  array, error, allowed, expected.pytorchError()));
        }
      }
    }
    System.out.printf(
        "%s and torchvision on %s: largest error %.1e, at most %.2f of what is allowed%n",
        engine.name(), test, largest, worst);
    return misses;
  }

  private static double relative(double[] got, double[] truth) {
    return Tolerance.distance(got, truth) / Tolerance.norm(truth);
  }
}
