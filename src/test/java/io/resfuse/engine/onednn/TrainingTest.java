package io.resfuse.engine.onednn;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.resfuse.engine.ConvolutionAlgorithm;
import io.resfuse.engine.Engine;
import io.resfuse.engine.EngineException;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.Engines;
import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.OperationTimer;
import io.resfuse.engine.Parameters;
import io.resfuse.engine.Precision;
import io.resfuse.engine.TestData;
import io.resfuse.engine.TrainingOptions;
import io.resfuse.engine.TrainingPlan;
import io.resfuse.model.ResNetConfig;
import io.resfuse.platform.CpuCaches;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What {@link OneDnnEngineTest} does not cover: allocation, leaks, and that NaN shows. */
class TrainingTest {
  private static final Engine engine = Engines.open("onednn", new EngineOptions(2, ""));
  private static final NetworkSpec network = ResNetConfig.of("resnet20").build();
  private static final int[] LABELS = {3, -1, 7};

  private long handles;
  private long blocks;

  @BeforeEach
  void countHandles() {
    handles = Scope.liveHandles();
    blocks = NativeMemory.liveBlocks();
  }

  @AfterEach
  void nothingLeaks() {
    assertThat(Scope.liveHandles()).isEqualTo(handles);
    assertThat(NativeMemory.liveBlocks()).isEqualTo(blocks);
  }

  @AfterAll
  static void close() {
    engine.close();
  }

  private static TrainingPlan plan(Parameters parameters) {
    return engine.planTraining(
        network, parameters, TrainingOptions.standard(LABELS.length, 32, Precision.FP32));
  }

  private static double step(TrainingPlan plan) {
    plan.forward();
    double loss = plan.softmaxCrossEntropy(LABELS, 0.1);
    plan.backward(false);
    plan.forward();
    plan.backward(true);
    plan.update(0.01, 0.5);
    return loss;
  }

  private static void putImages(TrainingPlan plan) {
    TestData.put(TestData.images("training", plan.input().capacity()), plan.input());
  }

  @Test
  void lossFallsAndStepsAllocateNothing() {
    try (TrainingPlan plan = plan(TestData.parameters(network))) {
      putImages(plan);
      double before = step(plan);
      assertThat(InferenceTest.allocatedBy(() -> step(plan), 20)).isLessThan(1024);
      assertThat(step(plan)).isLessThan(before / 2);
    }
  }

  @ParameterizedTest
  @CsvSource({"resnet20, 1, 28", "resnet20, 3, 32", "resnet50, 3, 64", "resnet50, 1, 64"})
  void oneDnnHasFastPrimitivesForAll(String name, int channels, int size) {

    NetworkSpec spec = ResNetConfig.of(name).withInputChannels(channels).build();
    boolean bf16 = engine.whyNot(Precision.BF16, Engine.Mode.TRAINING).isEmpty();
    for (int type : bf16 ? new int[] {Dnnl.F32, Dnnl.BF16} : new int[] {Dnnl.F32}) {
      try (Scope scope = new Scope()) {
        TrainingProgram program =
            TrainingProgram.of(
                scope,
                spec,
                TrainingOptions.standard(16, size, Precision.FP32),
                type,
                new FastConvolutions(ConvolutionAlgorithm.DIRECT, 2, false, CpuCaches.UNKNOWN));
        assertThat(program.implementations()).isNotEmpty().noneMatch(Implementation::isSlow);
      }
    }
  }

  @Test
  void plansNameTheImplementationsOfTheirLayers() {
    try (TrainingPlan plan = plan(TestData.parameters(network))) {
      OperationTimer timer = (OperationTimer) plan;
      assertThat(timer.implementations("layer1.0.conv1"))
          .as("convolution and batch norm, both ways, each once")
          .hasSizeGreaterThan(1)
          .doesNotHaveDuplicates()
          .noneMatch(PrimitiveDescs::isReference);
      assertThatThrownBy(() -> timer.implementations("nothing"))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("'nothing'");
    }
  }

  @Test
  void brokenImagesAndWeightsShow() {
    Parameters parameters = TestData.parameters(network);
    try (TrainingPlan plan = plan(parameters)) {
      putImages(plan);
      plan.input().put(5, Float.NaN);
      assertThat(step(plan)).isNaN();
    }
    try (TrainingPlan plan = plan(parameters)) {
      putImages(plan);
      assertThat(step(plan)).isFinite();
      parameters.get("layer2.0.conv1.weight").set(0, Float.NaN);
      plan.writeParameters(parameters);
      assertThat(step(plan)).isNaN();
    }
    assertThatThrownBy(
            () -> {
              try (var loaded = engine.load(network, parameters, Precision.FP32)) {
                loaded.plan(io.resfuse.engine.PlanRequest.logits(1, 32)).close();
              }
            })
        .isInstanceOf(EngineException.class)
        .hasMessageContaining("layer2.0.conv1.weight has NaN as element 0");
  }

  @Test
  void failedPlansLeaveNothing() {
    assertThatThrownBy(
            () ->
                engine.planTraining(
                    network,
                    TestData.parameters(network),
                    TrainingOptions.standard(500_000, 32, Precision.FP32)))
        .isInstanceOf(EngineException.class)
        .hasMessageContaining("use a smaller batch");
  }
}
