package io.resfuse.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.resfuse.model.ResNetConfig;
import io.resfuse.model.ResNetVariant;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What engines promise that are opened with {@link EngineOptions#maxMemory}. */
public abstract class MemoryCapContract {
  private static final int SIZE = 8;
  private static final NetworkSpec NETWORK = ResNetConfig.of(ResNetVariant.cifar(8, true)).build();

  /** Opens the engine with these options, but for the device. */
  protected abstract Engine open(EngineOptions options);

  private Engine capped(long bytes) {
    return open(new EngineOptions(2, "").withBatchInvariant(true).withMaxMemory(bytes));
  }

  private static LoadedNetwork load(Engine engine) {
    return engine.load(NETWORK, TestData.parameters(NETWORK), Precision.FP32);
  }

  /** Bytes that count of a plan for so many images. */
  private long bytes(int images) {
    try (Engine engine = open(new EngineOptions(2, "").withBatchInvariant(true));
        LoadedNetwork loaded = load(engine)) {
      return CappedEngine.device(loaded.memory(PlanRequest.logits(images, SIZE)));
    }
  }

  private static float[] run(InferencePlan plan) {
    int length = plan.input().capacity() / plan.request().batch();
    for (int i = 0; i < plan.request().batch(); i++) {
      plan.input().put(i * length, TestData.images("image " + i, length));
    }
    plan.run();
    float[] logits = new float[plan.output("logits").capacity()];
    plan.output("logits").get(0, logits);
    return logits;
  }

  @Test
  void aBatchThatDoesNotFitRunsInParts() {
    float[] expected;
    PlanRequest request = PlanRequest.logits(11, SIZE);
    try (Engine engine = open(new EngineOptions(2, "").withBatchInvariant(true));
        LoadedNetwork loaded = load(engine);
        InferencePlan plan = loaded.plan(request)) {
      expected = run(plan);
    }
    for (int fits : new int[] {11, 6, 3, 2, 1}) {
      try (Engine engine = capped(bytes(fits));
          LoadedNetwork loaded = load(engine);
          InferencePlan plan = loaded.plan(request)) {
        assertThat(plan.request()).isEqualTo(request);
        assertThat(plan.outputShape("logits").dimension(0)).isEqualTo(11);
        assertThat(CappedEngine.device(plan.memory())).isLessThanOrEqualTo(bytes(fits));
        assertThat(run(plan)).as("parts of %d", fits).containsExactly(expected);
        assertThat(run(plan)).containsExactly(expected);
      }
    }
  }

  @Test
  void plansShareWhatThereIs() {
    long weights;
    try (Engine engine = open(new EngineOptions(2, ""));
        LoadedNetwork loaded = load(engine)) {
      weights = loaded.memory(PlanRequest.logits(1, SIZE)).weights();
    }
    long room = 3 * (bytes(4) - weights);
    try (Engine engine = capped(weights + room);
        LoadedNetwork loaded = load(engine)) {
      List<InferencePlan> plans = new ArrayList<>();
      for (int i = 0; i < 3; i++) {
        plans.add(loaded.plan(PlanRequest.logits(4, SIZE)));
      }
      PlanRequest request = PlanRequest.logits(4, SIZE);
      assertThatThrownBy(() -> loaded.plan(request))
          .isInstanceOf(EngineException.class)
          .hasMessageMatching(
              "a plan of resnet8 for one image of 8x8 needs [\\d.]+ MiB, there are 0.0 MiB of the"
                  + " [\\d.]+ MiB that were allowed; close other plans, or allow more");
      plans.remove(1).close();
      plans.add(loaded.plan(request));
      plans.forEach(InferencePlan::close);
      plans.forEach(InferencePlan::close);
      // Closing twice gives nothing back twice: there is room for three still, not for six.
      for (int i = 0; i < 3; i++) {
        plans.add(loaded.plan(request));
      }
      assertThatThrownBy(() -> loaded.plan(request)).isInstanceOf(EngineException.class);
      plans.forEach(InferencePlan::close);
    }
  }

  @Test
  void weightsAreGivenBackWithTheLastPlan() {
    PlanRequest request = PlanRequest.logits(1, SIZE);
    try (Engine engine = capped(bytes(1))) {
      LoadedNetwork first = load(engine);
      InferencePlan plan = first.plan(request);
      first.close();
      assertThatThrownBy(
              () -> {
                try (LoadedNetwork second = load(engine)) {
                  second.plan(request).close();
                }
              })
          .isInstanceOf(EngineException.class)
          .hasMessageContaining("there are 0.0 MiB of the");
      plan.close();
      try (LoadedNetwork second = load(engine);
          InferencePlan again = second.plan(request)) {
        assertThat(run(again)).hasSize(10);
      }
    }
  }

  /** The same for the plans of a pool, which keeps those that nobody uses. */
  @Test
  void plansThatNobodyUsesMakeRoom() {
    try (Engine engine = capped(bytes(4));
        PlanPool pool = new PlanPool(load(engine), 1, 2)) {
      for (int images : new int[] {4, 3, 4, 1}) {
        float[] logits = pool.with(PlanRequest.logits(images, SIZE), MemoryCapContract::run);
        assertThat(logits).hasSize(10 * images);
      }
    }
  }

  @Test
  void trainingIsRefusedWithABatchThatFits() {
    TrainingOptions options = TrainingOptions.standard(16, SIZE, Precision.FP32);
    long needed;
    try (Engine engine = open(new EngineOptions(2, ""))) {
      needed = CappedEngine.device(engine.trainingMemory(NETWORK, options.withBatch(4)));
    }
    try (Engine engine = capped(needed)) {
      assertThatThrownBy(() -> engine.planTraining(NETWORK, TestData.parameters(NETWORK), options))
          .isInstanceOf(EngineException.class)
          .hasMessageMatching(
              "training resnet8 with 16 images at a time needs [\\d.]+ MiB, there are ([\\d.]+) MiB"
                  + " of the \\1 MiB that were allowed; allow more, or train with 4 and accumulate"
                  + " gradients");
      TrainingPlan plan =
          engine.planTraining(NETWORK, TestData.parameters(NETWORK), options.withBatch(4));
      assertThatThrownBy(
              () ->
                  engine.planTraining(NETWORK, TestData.parameters(NETWORK), options.withBatch(1)))
          .isInstanceOf(EngineException.class)
          .hasMessageEndingWith("; allow more");
      plan.forward();
      assertThat(plan.softmaxCrossEntropy(new int[4], 0)).isPositive();
      plan.close();
      plan.close();
      engine.planTraining(NETWORK, TestData.parameters(NETWORK), options.withBatch(4)).close();
    }
  }
}
