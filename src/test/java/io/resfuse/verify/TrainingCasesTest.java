package io.resfuse.verify;

import static org.assertj.core.api.Assertions.assertThat;

import io.resfuse.engine.Engine;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.Engines;
import io.resfuse.engine.Parameters;
import io.resfuse.engine.Precision;
import io.resfuse.engine.TrainingPlan;
import io.resfuse.engine.cuda.SoftCudaExtension;
import io.resfuse.tensor.HostTensor;
import io.resfuse.tensor.Shape;
import io.resfuse.verify.Check.Status;
import io.resfuse.verify.WrongEngine.Mistake;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Optimizers, frozen parts and accumulated gradients on right engines and on wrong ones. */
@ExtendWith(SoftCudaExtension.class)
class TrainingCasesTest {
  private static final Set<Rung> CLIMBED =
      EnumSet.of(Rung.FORWARD, Rung.GRADIENTS, Rung.STATISTICS, Rung.UPDATE, Rung.NEXT);

  private static Engine reference;
  private static Ladder ladder;

  @BeforeAll
  static void open() {
    reference = Engines.open("reference", EngineOptions.defaults());
    ladder = new Ladder(reference);
  }

  @AfterAll
  static void close() {
    reference.close();
  }

  private static VerifyCase test(String name) {
    return TrainingCases.all().stream()
        .filter(test -> test.name().startsWith(name + ":"))
        .findFirst()
        .orElseThrow();
  }

  @ParameterizedTest
  @CsvSource({"reference, ''", "onednn, ''", "cuda, softcuda"})
  void rightEnginesClimbTheLadder(String name, String device) {
    try (Engine engine = Engines.open(name, new EngineOptions(0, device))) {
      for (Precision precision : Precision.values()) {
        if (engine.whyNot(precision, Engine.Mode.TRAINING).isEmpty()) {
          TrainingCases.all().forEach(test -> assertIsRight(engine, precision, test));
        }
      }
    }
  }

  private static void assertIsRight(Engine engine, Precision precision, VerifyCase test) {
    ladder
        .verify(engine, precision, test)
        .forEach(
            (rung, check) ->
                assertThat(check.status())
                    .as("%s in %s: %s", test, precision, check)
                    .isEqualTo(CLIMBED.contains(rung) ? Status.PASSED : Status.SKIPPED));
  }

  @ParameterizedTest
  @ValueSource(strings = {"adam", "adamw"})
  void aMissingBiasCorrectionIsCaught(String name) {
    // After so many steps there is nothing left to correct.
    Mistake mistake =
        Mistake.after(
            "writeOptimizerState",
            plan -> {
              Map<String, HostTensor> state = new LinkedHashMap<>(plan.readOptimizerState());
              state.put("steps", HostTensor.of(Shape.of(1), 1e6f));
              plan.writeOptimizerState(state);
            });
    Map<Rung, Check> checks = ladder.verifyWrong(Precision.BF16, test(name), mistake);
    Ladder.assertOnlyMissed(checks, Rung.UPDATE);
    assertThat(checks.get(Rung.UPDATE).detail())
        .matches(
            "conv1.weight after the first step at \\[0, 0, 0, \\d\\]: got .*, expected .*, off by"
                + " .* \\(allowed .*\\); \\d+ more tensors");
  }

  @Test
  void aWrongMomentIsCaught() {
    Mistake mistake = Mistake.before("update", arguments -> arguments[1] = -(double) arguments[1]);
    Map<Rung, Check> checks = ladder.verifyWrong(Precision.FP16, test("adamw"), mistake);
    Ladder.assertOnlyMissed(checks, Rung.UPDATE);
    assertThat(checks.get(Rung.UPDATE).detail())
        .startsWith("conv1.weight/exp_avg after the first step at [")
        .contains("more tensors");
  }

  @ParameterizedTest
  @CsvSource({
    "layer1.0.conv2.weight, FP32, update",
    "layer2.0.conv2.weight, BF16, update",
    "bn1.weight, FP64, update",
    "layer1.0.bn3.running_var, TF32, backward"
  })
  void whatIsFrozenAndMovesByOneBitIsCaught(String name, Precision precision, String method) {
    VerifyCase test = test("frozen");
    Mistake mistake = Mistake.after(method, plan -> nudge(plan, test, name));
    Map<Rung, Check> checks = ladder.verifyWrong(precision, test, mistake);
    Ladder.assertOnlyMissed(checks, Rung.UPDATE);
    assertThat(checks.get(Rung.UPDATE).detail())
        .startsWith(name + " after the step at [")
        .contains("0]: got ")
        .endsWith("(allowed 0)");
  }

  private static void nudge(TrainingPlan plan, VerifyCase test, String name) {
    Parameters parameters = Parameters.zeros(test.network());
    plan.readParameters(parameters);
    HostTensor tensor = parameters.get(name);
    tensor.set(0, Math.nextUp(tensor.get(0)));
    plan.writeParameters(parameters);
  }

  @Test
  void overwritingRatherThanAccumulatingIsCaught() {
    assertIsCaughtOverwriting(Precision.FP32, Rung.GRADIENTS, Rung.UPDATE);
    // Two small updates of large weights are within what bf16 does to them; gradients are not.
    assertIsCaughtOverwriting(Precision.BF16, Rung.GRADIENTS);
  }

  private static void assertIsCaughtOverwriting(Precision precision, Rung... rungs) {
    Mistake mistake = Mistake.before("backward", arguments -> arguments[0] = false);
    Map<Rung, Check> checks = ladder.verifyWrong(precision, test("accumulated"), mistake);
    Ladder.assertOnlyMissed(checks, rungs);
    assertThat(checks.get(Rung.GRADIENTS).detail())
        .matches("gradient of conv1.weight at \\[.*\\]: got .*, expected .*, off by .*");
  }
}
