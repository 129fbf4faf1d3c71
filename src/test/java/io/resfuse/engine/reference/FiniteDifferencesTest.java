package io.resfuse.engine.reference;

import static org.assertj.core.api.Assertions.fail;

import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.ParameterSpec;
import io.resfuse.engine.Parameters;
import io.resfuse.engine.Precision;
import io.resfuse.engine.Results;
import io.resfuse.engine.TestData;
import io.resfuse.engine.TestNetworks;
import io.resfuse.engine.TestNetworks.TestNetwork;
import io.resfuse.engine.TrainingOptions;
import io.resfuse.tensor.HostTensor;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.ToDoubleFunction;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Gradients of the reference engine against central differences of its own forward pass.
 *
 * <p>Each array is moved by a step of random sign in every element, to float32 values whose true
 * differences are used: {@code L(w+) - L(w-)} must be {@code sum g (w+ - w-)}.
 */
class FiniteDifferencesTest {
  private static final ReferenceEngine engine = new ReferenceEngine(EngineOptions.defaults());

  /**
   * Small enough that its square and crossings of ReLU's kink vanish, large enough that the
   * rounding of L (about 1e-15 of its terms) is 1e-9 of the difference.
   */
  private static final double STEP = 0x1p-20;

  private static final int DIRECTIONS = 4;
  private static final int ATTEMPTS = 3;

  @AfterAll
  static void close() {
    engine.close();
  }

  static List<TestNetwork> cases() {
    List<TestNetwork> cases = new ArrayList<>(TestNetworks.all());
    cases.addAll(TestNetworks.maps());
    return cases;
  }

  @ParameterizedTest
  @MethodSource("cases")
  void gradientsAreDerivatives(TestNetwork test) {
    check(test, test.options(Precision.FP64));
  }

  @ParameterizedTest
  @MethodSource("cases")
  void gradientsWithFrozenBatchNormsAreDerivatives(TestNetwork test) {
    Set<String> frozen = new HashSet<>();
    for (ParameterSpec parameter : test.network().parameters().values()) {
      switch (parameter.role()) {
        case BN_GAMMA, BN_BETA -> frozen.add(parameter.name());
        default -> {}
      }
    }
    check(test, test.options(Precision.FP64).withFrozen(frozen));
  }

  /** A ReLU may sit on its kink for some images, but not for all. */
  private static void check(TestNetwork test, TrainingOptions options) {
    List<String> misses = new ArrayList<>();
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
      List<String> missed = misses(test, options, test.images(attempt));
      if (missed.isEmpty()) {
        return;
      }
      misses.addAll(missed);
    }
    fail("%s", String.join("\n", misses));
  }

  private static List<String> misses(TestNetwork test, TrainingOptions options, float[] images) {
    List<String> misses = new ArrayList<>();
    Parameters parameters = TestData.parameters(test.network());
    try (ReferenceTrainingPlan plan = engine.planTraining(test.network(), parameters, options)) {
      Loss loss = new Loss(test, plan);
      TestData.put(images, plan.input());
      loss.value();
      plan.backward(false);
      double[] inputGradient = plan.exactInputGradient();
      for (String name : plan.trainedParameters()) {
        float[] original = parameters.get(name).toArray();
        check(
            name,
            plan.exactGradient(name),
            original,
            values -> {
              overwrite(parameters.get(name), values);
              plan.writeParameters(parameters);
              return loss.value();
            },
            loss.scale(),
            misses);
        overwrite(parameters.get(name), original);
      }
      plan.writeParameters(parameters);
      check(
          "images",
          inputGradient,
          images,
          values -> {
            TestData.put(values, plan.input());
            return loss.value();
          },
          loss.scale(),
          misses);
    }
    return misses;
  }

  /**
   * Tries directions until one agrees. One that switches a ReLU on or off between its two sides
   * cannot; but a wrong gradient agrees with a random direction about once in a million times.
   */
  private static void check(
      String name,
      double[] gradient,
      float[] original,
      ToDoubleFunction<float[]> lossOf,
      double scale,
      List<String> misses) {
    StringBuilder disagreements = new StringBuilder();
    for (int direction = 0; direction < DIRECTIONS; direction++) {
      float[] right = moved(name + direction, original, STEP);
      float[] left = moved(name + direction, original, -STEP);
      double difference = lossOf.applyAsDouble(right) - lossOf.applyAsDouble(left);
      double expected = 0;
      double squares = 0;
      for (int i = 0; i < gradient.length; i++) {
        double term = gradient[i] * ((double) right[i] - left[i]);
        expected += term;
        squares += term * term;
      }
      // A sum of random signs is about as large as the root of the sum of squares.
      if (Math.abs(difference - expected) <= 1e-6 * Math.sqrt(squares) + 1e-14 * scale) {
        return;
      }
      disagreements.append(String.format("%n%.10e, expected %.10e", difference, expected));
    }
    misses.add("change of the loss with " + name + " in some directions:" + disagreements);
  }

  private static float[] moved(String name, float[] original, double step) {
    long seed = TestData.seed(name + "/signs");
    float[] moved = new float[original.length];
    for (int i = 0; i < moved.length; i++) {
      moved[i] = (float) (original[i] + (TestData.bits(seed, i) < 0 ? -step : step));
    }
    return moved;
  }

  private static void overwrite(HostTensor tensor, float[] values) {
    for (int i = 0; i < values.length; i++) {
      tensor.set(i, values[i]);
    }
  }

  /** The cross-entropy of logits with smoothed labels, or the sum of an output times constants. */
  private static final class Loss {
    private final TestNetwork test;
    private final ReferenceTrainingPlan plan;
    private final float[] constants;
    private double scale;

    Loss(TestNetwork test, ReferenceTrainingPlan plan) {
      this.test = test;
      this.plan = plan;
      int length = plan.output(test.output()).capacity();
      this.constants = TestData.fill(test.network().name() + "/constants", length, 0, 1);
    }

    double value() {
      plan.forward();
      FloatBuffer gradient = plan.outputGradient(test.output());
      double[] output = plan.exactOutput(test.output());
      double sum = 0;
      scale = 0;
      for (int i = 0; i < constants.length; i++) {
        gradient.put(i, constants[i]);
        sum += constants[i] * output[i];
        scale += Math.abs(constants[i] * output[i]);
      }
      if (test.output().equals("logits")) {
        sum = plan.softmaxCrossEntropy(Results.labels(test), 0.1);
      }
      return sum;
    }

    /** The sum of the loss's terms without their signs, to which rounding is proportional. */
    double scale() {
      return scale;
    }
  }
}
