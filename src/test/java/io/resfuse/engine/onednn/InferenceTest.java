package io.resfuse.engine.onednn;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.sun.management.ThreadMXBean;
import io.resfuse.engine.Engine;
import io.resfuse.engine.EngineException;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.Engines;
import io.resfuse.engine.InferencePlan;
import io.resfuse.engine.LoadedNetwork;
import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.Parameters;
import io.resfuse.engine.PlanRequest;
import io.resfuse.engine.Precision;
import io.resfuse.engine.TestData;
import io.resfuse.engine.TestNetworks;
import io.resfuse.engine.TestNetworks.TestNetwork;
import io.resfuse.model.ResNetConfig;
import io.resfuse.tensor.Shape;
import io.resfuse.tensor.TensorLayout;
import java.lang.management.ManagementFactory;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Inference against the reference engine, and the promises of the SPI. */
class InferenceTest {
  private static final Engine engine = Engines.open("onednn", new EngineOptions(2, ""));
  private static final Engine reference = Engines.open("reference", new EngineOptions(2, ""));

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
    reference.close();
  }

  static List<TestNetwork> cases() {
    List<TestNetwork> cases = new ArrayList<>(TestNetworks.all());
    // Slices with a remainder, more than one segment.
    cases.add(new TestNetwork(ResNetConfig.of("resnet20").build(), 7, 32, 32));
    cases.add(new TestNetwork(ResNetConfig.of("resnet50").withClasses(10).build(), 5, 40, 33));
    return cases;
  }

  @ParameterizedTest
  @MethodSource("cases")
  void fp32IsRight(TestNetwork test) {
    for (TensorLayout layout : TensorLayout.values()) {
      Map<String, float[]> truth = outputs(reference, test, layout, Precision.FP64);
      Map<String, float[]> ours = outputs(engine, test, layout, Precision.FP32);
      truth.forEach(
          (name, values) ->
              assertThat(relativeError(ours.get(name), values))
                  .as("%s in %s", name, layout)
                  .isLessThan(5e-6));
    }
  }

  @ParameterizedTest
  @MethodSource("cases")
  void bf16IsAsGoodAsItCanBe(TestNetwork test) {
    assumeTrue(engine.whyNot(Precision.BF16, Engine.Mode.INFERENCE).isEmpty());
    Map<String, float[]> truth = outputs(reference, test, TensorLayout.NCHW, Precision.FP64);
    Map<String, float[]> rounded = outputs(reference, test, TensorLayout.NCHW, Precision.BF16);
    for (TensorLayout layout : TensorLayout.values()) {
      Map<String, float[]> expected =
          layout == TensorLayout.NCHW ? truth : outputs(reference, test, layout, Precision.FP64);
      Map<String, float[]> ours = outputs(engine, test, layout, Precision.BF16);
      expected.forEach(
          (name, values) ->
              assertThat(relativeError(ours.get(name), values))
                  .as("%s in %s", name, layout)
                  .isLessThan(2 * relativeError(rounded.get(name), truth.get(name)) + 1e-3));
    }
  }

  /** All outputs of two runs, the first of them on garbage. */
  private static Map<String, float[]> outputs(
      Engine on, TestNetwork test, TensorLayout layout, Precision precision) {
    PlanRequest request =
        new PlanRequest(
            test.batch(), test.height(), test.width(), layout, test.network().outputs().keySet());
    Map<String, float[]> outputs = new HashMap<>();
    try (LoadedNetwork loaded =
            on.load(test.network(), TestData.parameters(test.network()), precision);
        InferencePlan plan = loaded.plan(request)) {
      FloatBuffer input = plan.input();
      for (int i = 0; i < input.capacity(); i++) {
        input.put(i, 1e9f);
      }
      plan.run();
      TestData.put(arranged(test, layout), input);
      plan.run();
      for (String name : request.outputs()) {
        outputs.put(name, toArray(plan.output(name)));
        assertThat(plan.outputShape(name).elements()).isEqualTo(plan.output(name).capacity());
      }
    }
    return outputs;
  }

  private static float[] arranged(TestNetwork test, TensorLayout layout) {
    float[] images = test.images();
    if (layout == TensorLayout.NCHW) {
      return images;
    }
    int channels = test.network().input().channels();
    int pixels = test.height() * test.width();
    float[] arranged = new float[images.length];
    for (int n = 0; n < test.batch(); n++) {
      for (int c = 0; c < channels; c++) {
        for (int p = 0; p < pixels; p++) {
          arranged[(n * pixels + p) * channels + c] = images[(n * channels + c) * pixels + p];
        }
      }
    }
    return arranged;
  }

  static float[] toArray(FloatBuffer buffer) {
    float[] array = new float[buffer.capacity()];
    buffer.get(0, array);
    return array;
  }

  /** L2 of the difference over L2 of the expected values. */
  static double relativeError(float[] got, float[] expected) {
    assertThat(got).hasSameSizeAs(expected);
    double difference = 0;
    double norm = 0;
    for (int i = 0; i < got.length; i++) {
      difference += ((double) got[i] - expected[i]) * ((double) got[i] - expected[i]);
      norm += (double) expected[i] * expected[i];
    }
    assertThat(norm).as("the expected values are not all zero").isPositive();
    return Math.sqrt(difference / norm);
  }

  @Test
  void runningAllocatesNothing() {
    NetworkSpec network = ResNetConfig.of("resnet20").build();
    try (LoadedNetwork loaded = engine.load(network, TestData.parameters(network), Precision.FP32);
        InferencePlan plan = loaded.plan(PlanRequest.logits(2, 32))) {
      assertThat(allocatedBy(plan::run, 1000)).isLessThan(1024);
    }
  }

  /** Bytes on the heap of the calling thread in some runs. */
  static long allocatedBy(Runnable run, int runs) {
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    for (int i = 0; i < 10; i++) {
      run.run();
    }
    long before = threads.getCurrentThreadAllocatedBytes();
    for (int i = 0; i < runs; i++) {
      run.run();
    }
    return threads.getCurrentThreadAllocatedBytes() - before;
  }

  @Test
  void plansShareWeightsAndOutliveTheNetwork() {
    NetworkSpec network = ResNetConfig.of("resnet20").build();
    Parameters parameters = TestData.parameters(network);
    LoadedNetwork loaded = engine.load(network, parameters, Precision.FP32);
    InferencePlan one = loaded.plan(PlanRequest.logits(1, 32));
    long weights = NativeMemory.liveBlocks();
    InferencePlan two = loaded.plan(PlanRequest.logits(1, 32));
    assertThat(NativeMemory.liveBlocks()).isEqualTo(weights + 2);
    loaded.close();
    loaded.close();
    assertThatThrownBy(() -> loaded.plan(PlanRequest.logits(1, 32)))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("closed");
    one.close();
    one.close();
    assertThatThrownBy(one::run).isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(one::input).isInstanceOf(IllegalStateException.class);
    two.run();
    two.close();
  }

  @Test
  void memoryIsKnownBeforeItIsAllocated() {
    NetworkSpec network = ResNetConfig.of("resnet18").build();
    PlanRequest request = PlanRequest.logits(3, 64);
    try (LoadedNetwork loaded =
        engine.load(network, TestData.parameters(network), Precision.FP32)) {
      long before = NativeMemory.liveBlocks();
      var announced = loaded.memory(request);
      assertThat(NativeMemory.liveBlocks()).isEqualTo(before);
      try (InferencePlan plan = loaded.plan(request)) {
        assertThat(plan.memory()).isEqualTo(announced);
        assertThat(announced.activations()).isLessThan(announced.activationsUnshared());
      }
    }
  }

  @Test
  void manyThreadsHavePlansOfOneNetwork() throws Exception {
    NetworkSpec network = ResNetConfig.of("resnet20").build();
    Parameters parameters = TestData.parameters(network);
    float[] images = TestData.images("threads", 2 * 3 * 32 * 32);
    try (LoadedNetwork loaded = engine.load(network, parameters, Precision.FP32)) {
      ExecutorService pool = Executors.newFixedThreadPool(8);
      List<Future<float[]>> answers = new ArrayList<>();
      for (int t = 0; t < 8; t++) {
        answers.add(
            pool.submit(
                () -> {
                  try (InferencePlan plan = loaded.plan(PlanRequest.logits(2, 32))) {
                    TestData.put(images, plan.input());
                    for (int i = 0; i < 5; i++) {
                      plan.run();
                    }
                    return toArray(plan.output("logits"));
                  }
                }));
      }
      float[] first = answers.get(0).get();
      for (Future<float[]> answer : answers) {
        assertThat(answer.get()).isEqualTo(first);
      }
      pool.shutdown();
    }
  }

  @Test
  void refusalsSayWhatToDo() {
    NetworkSpec network = ResNetConfig.of("resnet20").build();
    Parameters parameters = TestData.parameters(network);
    assertThatThrownBy(() -> engine.load(network, parameters, Precision.FP16))
        .isInstanceOf(EngineException.class)
        .hasMessageContaining("fp16")
        .hasMessageContaining("use fp32");
    try (LoadedNetwork loaded = engine.load(network, parameters, Precision.FP32)) {
      assertThatThrownBy(() -> loaded.plan(PlanRequest.logits(2_000_000, 32)))
          .isInstanceOf(EngineException.class)
          .hasMessageContaining("use a smaller batch");
      try (InferencePlan plan = loaded.plan(PlanRequest.logits(1, 32))) {
        assertThatThrownBy(() -> plan.output("c2"))
            .isInstanceOf(IllegalArgumentException.class)
            .hasMessageContaining("logits");
        assertThat(plan.outputShape("logits")).isEqualTo(Shape.of(1, 10));
        assertThat(plan.request().outputs()).isEqualTo(Set.of("logits"));
      }
    }
  }
}
