package io.resfuse.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.resfuse.engine.Engine.Mode;
import io.resfuse.engine.Optimizer.Group;
import io.resfuse.engine.Optimizer.Sgd;
import io.resfuse.engine.TestNetworks.TestNetwork;
import io.resfuse.model.ResNetConfig;
import io.resfuse.tensor.HostTensor;
import io.resfuse.tensor.Shape;
import io.resfuse.tensor.TensorLayout;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;

/**
 * The states of every engine's plans, what they refuse, and what they say then. An engine's test
 * says how the engine is opened and what it should be able to do.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
public abstract class PlanContract {
  private Engine engine;

  /** Opens the engine. */
  protected abstract Engine open(EngineOptions options);

  /** The precisions that it should have somewhere. Where it has not got one, tests are skipped. */
  protected abstract List<Precision> precisions();

  /** Whether its plans can time single operations. */
  protected boolean timesOperations() {
    return true;
  }

  /** The engine under test. */
  protected final Engine engine() {
    return engine;
  }

  @BeforeAll
  final void openEngine() {
    engine = open(EngineOptions.defaults());
  }

  @AfterAll
  final void closeEngine() {
    engine.close();
  }

  final void assumeCan(Precision precision, Mode mode) {
    Optional<String> reason = engine.whyNot(precision, mode);
    assumeTrue(reason.isEmpty(), () -> engine.name() + ": " + reason.orElseThrow());
  }

  static final TestNetwork small() {
    return TestNetworks.networks().get(0);
  }

  final TrainingPlan trainSmall(TrainingOptions options) {
    return engine.planTraining(small().network(), TestData.parameters(small().network()), options);
  }

  final Precision firstPrecision(Mode mode) {
    for (Precision precision : precisions()) {
      if (engine.whyNot(precision, mode).isEmpty()) {
        return precision;
      }
    }
    return assumeNone(mode);
  }

  private Precision assumeNone(Mode mode) {
    assumeCan(precisions().get(0), mode);
    throw new AssertionError();
  }

  private static void refused(
      Class<? extends RuntimeException> type, String message, ThrowingCallable use) {
    assertThatThrownBy(use).isInstanceOf(type).hasMessage(message);
  }

  private static void illegalState(String message, ThrowingCallable use) {
    refused(IllegalStateException.class, message, use);
  }

  private static void illegalArgument(String message, ThrowingCallable use) {
    refused(IllegalArgumentException.class, message, use);
  }

  @Tag("core")
  @Test
  void closedPlansThrow() {
    TestNetwork test = small();
    Parameters parameters = TestData.parameters(test.network());
    LoadedNetwork loaded = engine.load(test.network(), parameters, firstPrecision(Mode.INFERENCE));
    InferencePlan plan = loaded.plan(test.request(TensorLayout.NCHW));
    loaded.close();
    loaded.close();
    assertThatThrownBy(() -> loaded.plan(test.request(TensorLayout.NCHW)))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("closed");
    Results.inference(plan, test, test.images());
    plan.close();
    plan.close();
    List<ThrowingCallable> uses =
        List.of(
            plan::run,
            plan::input,
            plan::pixels,
            () -> plan.output("logits"),
            () -> ((OperationTimer) plan).seconds("conv1", () -> {}),
            () -> ((OperationTimer) plan).implementations("conv1"));
    uses.forEach(use -> illegalState("this plan of " + test.network().name() + " is closed", use));
    assertThat(plan.outputShape("logits")).isEqualTo(Shape.of(test.batch(), 11));
  }

  @Tag("core")
  @Test
  void closedTrainingPlansThrow() {
    TrainingPlan plan = trainSmall(small().options(firstPrecision(Mode.TRAINING)));
    Parameters parameters = Parameters.zeros(small().network());
    HostTensor gradient = parameters.get("conv1.weight");
    Map<String, HostTensor> state = plan.readOptimizerState();
    plan.forward();
    plan.close();
    plan.close();
    List<ThrowingCallable> uses =
        List.of(
            plan::forward,
            plan::evaluate,
            plan::input,
            plan::pixels,
            plan::inputGradient,
            plan::gradientNorm,
            () -> plan.output("logits"),
            () -> plan.outputGradient("logits"),
            () -> plan.softmaxCrossEntropy(new int[small().batch()], 0),
            () -> plan.softmaxCrossEntropy(FloatBuffer.allocate(11 * small().batch())),
            () -> plan.backward(false),
            () -> plan.update(0.1, 1),
            () -> plan.readGradient("conv1.weight", gradient),
            () -> plan.readParameters(parameters),
            () -> plan.writeParameters(parameters),
            plan::readOptimizerState,
            () -> plan.writeOptimizerState(state),
            () -> ((OperationTimer) plan).seconds("conv1", () -> {}),
            () -> ((OperationTimer) plan).implementations("conv1"));
    String message = "this training plan of " + small().network().name() + " is closed";
    uses.forEach(use -> illegalState(message, use));
    assertThat(plan.outputShape("logits")).isEqualTo(Shape.of(small().batch(), 11));
  }

  /** What may come between a forward pass and a backward pass, and what may not. */
  @Tag("core")
  @Test
  void eachBackwardPassNeedsAForwardPassOfItsOwn() {
    Parameters parameters = TestData.parameters(small().network());
    try (TrainingPlan plan = trainSmall(small().options(firstPrecision(Mode.TRAINING)))) {
      needsForward(plan);
      plan.forward();
      plan.softmaxCrossEntropy(new int[small().batch()], 0);
      plan.softmaxCrossEntropy(new int[small().batch()], 0.1);
      plan.readParameters(parameters);
      plan.writeOptimizerState(plan.readOptimizerState());
      plan.backward(false);
      double norm = plan.gradientNorm();
      needsForward(plan);
      assertThat(plan.gradientNorm()).as("what is refused changes nothing").isEqualTo(norm);
      List<Runnable> disturbances = new ArrayList<>();
      disturbances.add(plan::evaluate);
      disturbances.add(() -> plan.update(0.1, 1));
      disturbances.add(() -> plan.writeParameters(parameters));
      if (timesOperations()) {
        disturbances.add(() -> ((OperationTimer) plan).seconds("conv1", () -> {}));
      }
      for (Runnable disturbance : disturbances) {
        plan.forward();
        disturbance.run();
        needsForward(plan);
      }
      plan.forward();
      plan.backward(true);
      needsForward(plan);
    }
  }

  private static void needsForward(TrainingPlan plan) {
    for (boolean accumulate : new boolean[] {false, true}) {
      illegalState(
          "backward() needs a forward() of its own right before it: a backward pass uses up what the"
              + " forward pass kept, and evaluations and changes of parameters void it",
          () -> plan.backward(accumulate));
    }
  }

  @Tag("core")
  @Test
  void wrongArgumentsOfLossesAreRefused() {
    try (TrainingPlan plan = trainSmall(small().options(firstPrecision(Mode.TRAINING)))) {
      plan.forward();
      illegalArgument(
          "label 11 of image 1 is not one of 11 classes (0 to 10, or -1 for none)",
          () -> plan.softmaxCrossEntropy(new int[] {0, 11, 1}, 0));
      illegalArgument(
          "label -2 of image 2 is not one of 11 classes (0 to 10, or -1 for none)",
          () -> plan.softmaxCrossEntropy(new int[] {0, 1, -2}, 0));
      illegalArgument(
          "the plan has a batch of 3 images, got 2 labels",
          () -> plan.softmaxCrossEntropy(new int[] {0, 1}, 0));
      for (double smoothing : new double[] {-0.5, 1.5, Double.NaN}) {
        illegalArgument(
            "label smoothing must be in 0 to 1, got " + smoothing,
            () -> plan.softmaxCrossEntropy(new int[] {0, 1, 2}, smoothing));
      }
      illegalArgument(
          "targets must be 3 rows of 11 classes, got 7 elements",
          () -> plan.softmaxCrossEntropy(FloatBuffer.allocate(7)));
    }
  }

  @Test
  void lossesNeedLogits() {
    TrainingOptions all = small().options(firstPrecision(Mode.TRAINING));
    String inner =
        small().network().outputs().keySet().stream()
            .filter(name -> !name.equals("logits"))
            .findFirst()
            .orElseThrow();
    TrainingOptions options =
        new TrainingOptions(
            all.batch(),
            all.height(),
            all.width(),
            all.layout(),
            all.precision(),
            Set.of(inner),
            Set.of(),
            true,
            all.optimizer());
    String message = "the plan has no output 'logits'; it has [" + inner + "]";
    try (TrainingPlan plan = trainSmall(options)) {
      plan.forward();
      illegalArgument(message, () -> plan.softmaxCrossEntropy(new int[small().batch()], 0));
      illegalArgument(message, () -> plan.softmaxCrossEntropy(FloatBuffer.allocate(3)));
      illegalArgument(message, () -> plan.output("logits"));
      illegalArgument(message, () -> plan.outputShape("logits"));
      illegalArgument(message, () -> plan.outputGradient("logits"));
      illegalArgument(
          "'fc.bias' has no gradient: it is no trainable parameter of this plan or frozen",
          () -> plan.readGradient("fc.bias", HostTensor.zeros(Shape.of(11))));
      plan.outputGradient(inner).put(0, 1);
      plan.backward(false);
      assertThat(plan.gradientNorm()).isPositive();
    }
  }

  @Tag("core")
  @Test
  void wrongUsesAreRefused() {
    Precision precision = firstPrecision(Mode.TRAINING);
    TrainingOptions options =
        small().options(precision).withInputGradient(false).withFrozen(Set.of("conv1.weight"));
    try (TrainingPlan plan = trainSmall(options)) {
      illegalState(
          "this plan computes no input gradient; make it with options.withInputGradient(true)",
          plan::inputGradient);
      illegalState("this plan takes floats: write them to input()", plan::pixels);
      String noOutput = "the plan has no output 'c9'; it has " + options.outputs();
      illegalArgument(noOutput, () -> plan.output("c9"));
      illegalArgument(noOutput, () -> plan.outputShape("c9"));
      illegalArgument(noOutput, () -> plan.outputGradient("c9"));
      for (String name : List.of("conv1.weight", "bn1.running_mean", "nothing")) {
        illegalArgument(
            "'" + name + "' has no gradient: it is no trainable parameter of this plan or frozen",
            () -> plan.readGradient(name, HostTensor.zeros(Shape.of(1))));
      }
      illegalArgument(
          "the gradient of fc.bias has shape " + Shape.of(11) + ", the target " + Shape.of(12),
          () -> plan.readGradient("fc.bias", HostTensor.zeros(Shape.of(12))));
      Map<String, HostTensor> state = plan.readOptimizerState();
      assertThat(state.keySet())
          .contains("steps", "fc.bias/momentum")
          .doesNotContain("conv1.weight/momentum", "bn1.running_mean/momentum");
      for (String key : List.of("fc.bias/momentum", "steps")) {
        Map<String, HostTensor> incomplete = new LinkedHashMap<>(state);
        incomplete.remove(key);
        illegalArgument(
            "the optimizer's state lacks '"
                + key
                + "'; it was saved with another optimizer or other frozen parameters",
            () -> plan.writeOptimizerState(incomplete));
        Map<String, HostTensor> misshapen = new LinkedHashMap<>(state);
        misshapen.put(key, HostTensor.zeros(Shape.of(3)));
        illegalArgument(
            "the optimizer's state '"
                + key
                + "' needs shape "
                + state.get(key).shape()
                + ", got "
                + Shape.of(3),
            () -> plan.writeOptimizerState(misshapen));
      }
    }
  }

  @Test
  void whatCannotBePlannedIsRefused() {
    Precision precision = firstPrecision(Mode.TRAINING);
    TrainingOptions options = small().options(precision);
    assertThatThrownBy(() -> trainSmall(options.withFrozen(Set.of("layer9.weight"))))
        .hasMessageContaining("layer9.weight");
    assertThatThrownBy(
            () ->
                trainSmall(
                    options.withOptimizer(
                        new Sgd(0.9, false, 0, Map.of("layer9.weight", new Group(1, 0))))))
        .hasMessageContaining("layer9.weight");
    NetworkSpec resnet18 = ResNetConfig.of("resnet18").build();
    Parameters zeros = Parameters.zeros(resnet18);
    assertThatThrownBy(
            () -> engine.planTraining(resnet18, zeros, TrainingOptions.standard(1, 1, precision)))
        .hasMessageContaining("a single value per channel");
    NetworkBuilder builder = new NetworkBuilder("valid", 3);
    Operation.Window window = new Operation.Window(7, 1, 0, 1);
    builder.output(
        "out",
        builder.fusedConv(
            builder.input(),
            new NetworkBuilder.Conv("conv", 4, window, 1, false, null),
            null,
            true));
    NetworkSpec valid = builder.build();
    try (LoadedNetwork loaded =
        engine.load(valid, Parameters.zeros(valid), firstPrecision(Mode.INFERENCE))) {
      assertThatThrownBy(
              () -> loaded.plan(new PlanRequest(1, 6, 9, TensorLayout.NCHW, Set.of("out"))))
          .hasMessageContaining("6x9")
          .hasMessageContaining("conv");
      assertThatThrownBy(
              () -> loaded.plan(new PlanRequest(1, 9, 9, TensorLayout.NCHW, Set.of("logits"))))
          .hasMessageContaining("logits");
    }
    for (Precision other : Precision.values()) {
      engine
          .whyNot(other, Mode.INFERENCE)
          .ifPresent(
              reason ->
                  assertThatThrownBy(() -> engine.load(valid, Parameters.zeros(valid), other))
                      .isInstanceOf(EngineException.class)
                      .hasMessageContaining(reason));
    }
  }
}
