package io.resfuse.engine.onednn;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.resfuse.engine.Engine;
import io.resfuse.engine.EngineException;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.Engines;
import io.resfuse.engine.InferencePlan;
import io.resfuse.engine.LoadedNetwork;
import io.resfuse.engine.OperationTimer;
import io.resfuse.engine.Parameters;
import io.resfuse.engine.PlanRequest;
import io.resfuse.engine.Precision;
import io.resfuse.engine.QuantizedWeights;
import io.resfuse.engine.TestData;
import io.resfuse.engine.TestNetworks;
import io.resfuse.engine.TestNetworks.TestNetwork;
import io.resfuse.tensor.TensorLayout;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The CPU engine in int8: the same bits as the reference engine's. */
class Int8Test {
  private static Engine engine;
  private static Engine reference;
  private static long handles;

  @BeforeAll
  static void open() {
    handles = Scope.liveHandles();
    engine = Engines.open("onednn", new EngineOptions(2, ""));
    reference = Engines.open("reference", new EngineOptions(2, ""));
  }

  /** Nothing of oneDNN's is left behind. */
  @AfterAll
  static void close() {
    engine.close();
    reference.close();
    assertThat(Scope.liveHandles()).isEqualTo(handles);
  }

  static List<TestNetwork> networks() {
    return Int8Equality.networks();
  }

  private static TestNetwork named(String name) {
    return networks().stream()
        .filter(test -> test.network().name().equals(name))
        .findFirst()
        .orElseThrow();
  }

  /** In both layouts of the outputs. Where a gate is computed in between, they come near. */
  @ParameterizedTest
  @MethodSource("networks")
  void givesTheBitsOfTheReference(TestNetwork test) {
    Parameters parameters = Int8Equality.quantized(engine, test, Set.of());
    for (TensorLayout layout : TensorLayout.values()) {
      Map<String, float[]> got = Int8Equality.run(engine, Precision.INT8, test, parameters, layout);
      Map<String, float[]> expected =
          Int8Equality.run(reference, Precision.INT8, test, parameters, layout);
      if (Int8Equality.hasFloatsBetween(test.network())) {
        Map<String, float[]> exact =
            Int8Equality.run(reference, Precision.FP64, test, parameters, layout);
        Int8Equality.assertNear(got, expected, exact);
      } else {
        assertThat(Int8Equality.difference(test, parameters, got, expected)).isEmpty();
      }
    }
  }

  /** Zero points that others' quantisers choose, under padding, strides and residuals. */
  @ParameterizedTest
  @ValueSource(strings = {"conv7x7s2onepixel", "depthwise", "basicA", "bottleneck", "averaging33"})
  void anyZeroPointGivesTheBitsOfTheReference(String name) {
    TestNetwork test = named(name);
    Parameters parameters = Int8Equality.shifted(Int8Equality.quantized(engine, test, Set.of()));
    assertThat(parameters.quantization().encodings().get("input").zeroPoint()).isEqualTo(114);
    assertThat(
            Int8Equality.difference(
                test,
                parameters,
                Int8Equality.run(engine, Precision.INT8, test, parameters, TensorLayout.NCHW),
                Int8Equality.run(reference, Precision.INT8, test, parameters, TensorLayout.NCHW)))
        .isEmpty();
  }

  /**
   * A convolution in float32 before others may round to another integer where it lies between two;
   * what follows is off by far less than int8 itself.
   */
  @ParameterizedTest
  @CsvSource({
    "stem, stem",
    "basicA, stem",
    "bottleneck, layer1",
    "bottleneck, layer2.0.downsample"
  })
  void keptLayersComeNear(String network, String keep) {
    TestNetwork test = named(network);
    Parameters parameters = Int8Equality.quantized(engine, test, Set.of(keep));
    Int8Equality.assertNear(
        Int8Equality.run(engine, Precision.INT8, test, parameters, TensorLayout.NCHW),
        Int8Equality.run(reference, Precision.INT8, test, parameters, TensorLayout.NCHW),
        Int8Equality.run(reference, Precision.FP64, test, parameters, TensorLayout.NCHW));
  }

  /** Sums of integers are exact: neither batch nor threads nor other outputs change a bit. */
  @Test
  void bitsDoNotDependOnThreadsOrBatch() {
    TestNetwork test = named("bottleneck");
    Parameters parameters = Int8Equality.quantized(engine, test, Set.of());
    float[] all =
        Int8Equality.run(engine, Precision.INT8, test, parameters, TensorLayout.NCHW).get("c3");
    for (int threads : new int[] {1, 3}) {
      try (Engine other = Engines.open("onednn", new EngineOptions(threads, ""));
          LoadedNetwork network = other.load(test.network(), parameters, Precision.INT8);
          InferencePlan plan =
              network.plan(
                  new PlanRequest(
                      1, test.height(), test.width(), TensorLayout.NCHW, Set.of("c3")))) {
        int image = plan.input().capacity();
        int values = plan.output("c3").capacity();
        for (int n = 0; n < test.batch(); n++) {
          plan.input().put(0, test.images(), n * image, image);
          plan.run();
          for (int i = 0; i < values; i++) {
            assertThat(plan.output("c3").get(i)).isEqualTo(all[n * values + i]);
          }
        }
      }
    }
  }

  @Test
  void brokenImagesGiveNaNAndLeaveOthersAlone() {
    TestNetwork test = named("bottleneck");
    Parameters parameters = Int8Equality.quantized(engine, test, Set.of());
    for (Engine one : List.of(engine, reference)) {
      try (LoadedNetwork network = one.load(test.network(), parameters, Precision.INT8);
          InferencePlan plan = network.plan(test.request(TensorLayout.NCHW))) {
        plan.input().put(0, test.images());
        plan.run();
        int classes = plan.output("logits").capacity() / test.batch();
        float before = plan.output("logits").get(0);
        plan.input().put(plan.input().capacity() - 1, Float.POSITIVE_INFINITY);
        plan.run();
        assertThat(plan.output("logits").get((test.batch() - 1) * classes)).isNaN();
        assertThat(plan.output("logits").get(0)).isEqualTo(before);
      }
    }
  }

  /** Fast kernels for every convolution, and bytes between them. */
  @Test
  void convolutionsAreOfIntegers() {
    TestNetwork test = named("bottleneck");
    Parameters parameters = Int8Equality.quantized(engine, test, Set.of());
    try (LoadedNetwork integers = engine.load(test.network(), parameters, Precision.INT8);
        LoadedNetwork floats = engine.load(test.network(), parameters, Precision.FP32)) {
      PlanRequest request = PlanRequest.logits(1, 224);
      assertThat(integers.memory(request).activations())
          .isLessThan((long) (0.3 * floats.memory(request).activations()));
      try (InferencePlan plan = integers.plan(request)) {
        assertThat(plan.memory()).isEqualTo(integers.memory(request));
        OperationTimer timer = OperationTimer.of(plan);
        test.network()
            .operations()
            .forEach(
                operation ->
                    assertThat(timer.implementations(operation.name()))
                        .as(operation.name())
                        .isNotEmpty()
                        .noneMatch(PrimitiveDescs::isReference));
      }
    }
  }

  /** Other instruction sets compute the same; without VNNI, with weights of 7 bits. */
  @ParameterizedTest
  @CsvSource({
    "AVX2, AVX2",
    "AVX2_VNNI, AVX2_VNNI",
    "AVX512_CORE, AVX512",
    "AVX512_CORE_VNNI, AVX512_VNNI"
  })
  void instructionSetsGiveTheSameBits(String most, InstructionSet expected) throws Exception {
    List<String> lines = WithInstructions.run(Int8Equality.class, most, expected);
    assertThat(lines).hasSize(networks().size()).allMatch(line -> line.endsWith(": "));
  }

  @Test
  void weightsOfSevenBitsAreHalves() {
    QuantizedWeights weights =
        new QuantizedWeights(
            new byte[] {127, -127, 65, 3, -3, 1}, new float[] {0.5f, 2}, new float[] {1, 2});
    assertThat(weights.isReduced()).isFalse();
    QuantizedWeights halves = weights.reduced();
    assertThat(halves.weights()).containsExactly(64, -64, 32, 2, -2, 0);
    assertThat(halves.scales()).containsExactly(1, 4);
    assertThat(halves.reduced()).isSameAs(halves);
  }

  @Test
  void weightsMustBeQuantised() {
    TestNetwork test = TestNetworks.networks().get(0);
    for (Engine one : List.of(engine, reference)) {
      assertThatThrownBy(
              () -> one.load(test.network(), TestData.parameters(test.network()), Precision.INT8))
          .isInstanceOf(EngineException.class)
          .hasMessageContaining("weights quantize");
      assertThat(one.whyNot(Precision.INT8, Engine.Mode.TRAINING))
          .hasValueSatisfying(why -> assertThat(why).contains("inference only"));
    }
  }
}
