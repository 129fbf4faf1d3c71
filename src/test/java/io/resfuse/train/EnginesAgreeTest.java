package io.resfuse.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.resfuse.engine.Engine;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.Engines;
import io.resfuse.engine.Precision;
import io.resfuse.engine.cuda.SoftCudaExtension;
import io.resfuse.train.recipe.TrainingRecipe;
import io.resfuse.train.run.TrainingSetup;
import io.resfuse.verify.Tolerance;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Twenty steps of a ResNet-20 on every engine, held against the same steps in float64: the loss of
 * each step, and what all the steps together changed in the weights.
 *
 * <p>Training amplifies roundings: each step starts where the last one ended, and a value that is
 * rounded to the other side of a ReLU's zero moves everything after it. So the bounds of the first
 * three losses are tight, those of all twenty are not; and the CUDA engine may besides be off at
 * most three times as far as the farther of the other two engines in the same precision.
 */
@ExtendWith(SoftCudaExtension.class)
class EnginesAgreeTest {
  private static final int STEPS = 20;

  /** The losses of the steps, and the weights after them less those before. */
  private record Course(
      List<Double> losses, Map<String, float[]> before, Map<String, float[]> after) {
    double[] change() {
      List<Double> values = new ArrayList<>();
      before.forEach(
          (name, first) -> {
            for (int i = 0; i < first.length; i++) {
              values.add((double) after.get(name)[i] - first[i]);
            }
          });
      return values.stream().mapToDouble(Double::doubleValue).toArray();
    }

    /** The largest difference of the losses of the first so many steps. */
    double lossError(Course truth, int steps) {
      double largest = 0;
      for (int i = 0; i < steps; i++) {
        largest = Math.max(largest, Math.abs(losses.get(i) - truth.losses.get(i)));
      }
      return largest;
    }

    String errors(Course truth) {
      return String.format(
          Locale.ROOT,
          "%.1e / %.1e / %.1e",
          lossError(truth, 3),
          lossError(truth, STEPS),
          changeError(truth));
    }

    /** The relative error of the weights' change in the L2 norm. */
    double changeError(Course truth) {
      double[] exact = truth.change();
      return Tolerance.distance(change(), exact) / Tolerance.norm(exact);
    }
  }

  private static Course truth;

  @BeforeAll
  static void trainInFloat64() {
    truth = course("reference", "", Precision.FP64);
  }

  @ParameterizedTest
  @CsvSource({"fp32, 1e-4, 5e-2, 1e-1", "bf16, 5e-2, 2e-1, 2e-1"})
  void agreeOverTwentySteps(
      String name, double firstLossesBound, double lossBound, double changeBound) {
    Precision precision = Precision.parse(name);
    try (Engine onednn = Engines.open("onednn", EngineOptions.defaults())) {
      Optional<String> whyNot = onednn.whyNot(precision, Engine.Mode.TRAINING);
      assumeTrue(whyNot.isEmpty(), () -> whyNot.orElseThrow());
    }
    Course reference = course("reference", "", precision);
    Course onednn = course("onednn", "", precision);
    Course cuda = course("cuda", "softcuda", precision);
    System.out.printf(
        "20 steps in %s from %.4f to %.4f; largest error of the first 3 losses / of all / relative"
            + " error of the weights' change: reference %s, onednn %s, cuda %s%n",
        precision,
        truth.losses.get(0),
        truth.losses.get(STEPS - 1),
        reference.errors(truth),
        onednn.errors(truth),
        cuda.errors(truth));
    assertThat(truth.losses.get(STEPS - 1)).isLessThan(0.5 * truth.losses.get(0));
    for (Course course : List.of(reference, onednn, cuda)) {
      assertThat(course.lossError(truth, 3)).isLessThan(firstLossesBound);
      assertThat(course.lossError(truth, STEPS)).isLessThan(lossBound);
      assertThat(course.changeError(truth)).isLessThan(changeBound);
    }
    double others = Math.max(reference.changeError(truth), onednn.changeError(truth));
    assertThat(cuda.changeError(truth)).isLessThan(3 * others);
  }

  private static Course course(String engineName, String device, Precision precision) {
    TrainingRecipe recipe =
        TestJobs.recipe(
            "network=resnet20",
            "preprocessing=fashion-mnist@16:16",
            "batch=16",
            "epochs=1",
            "optimizer.nesterov=true",
            "schedule.learning_rate=0.01",
            "label_smoothing=0.05");
    TrainingSetup setup =
        TrainingSetup.of(recipe, new Shapes8(STEPS * 16, 1), new Shapes8(16, 2), null, 1);
    TrainingJob job = setup.job();
    List<Double> losses = new ArrayList<>();
    TrainingListener listener =
        new TrainingListener() {
          @Override
          public void step(Step step) {
            losses.add(step.loss());
          }
        };
    RunOptions everyStep = new RunOptions(false, 0, 1, 1, 0);
    try (Engine engine = Engines.open(engineName, new EngineOptions(0, device))) {
      TrainingResult result = new Trainer(engine, job, precision, everyStep, null, listener).run();
      assertThat(losses).hasSize(STEPS);
      return new Course(
          losses, TestJobs.values(job.initial()), TestJobs.values(result.parameters()));
    }
  }
}
