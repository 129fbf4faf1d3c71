package io.resfuse.engine.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import io.resfuse.engine.Engine;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.Engines;
import io.resfuse.engine.InferencePlan;
import io.resfuse.engine.LoadedNetwork;
import io.resfuse.engine.Parameters;
import io.resfuse.engine.Precision;
import io.resfuse.engine.Results;
import io.resfuse.engine.TestData;
import io.resfuse.engine.TestNetworks;
import io.resfuse.engine.TestNetworks.TestNetwork;
import io.resfuse.engine.TrainingPlan;
import io.resfuse.engine.cuda.internal.kernels.KernelBits;
import io.resfuse.engine.onednn.Int8Equality;
import io.resfuse.model.ResNetConfig;
import io.resfuse.tensor.TensorLayout;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Whole networks, both ways and with the optimizer's step. The build runs this twice; the second
 * time under softcuda's checkers for races, uninitialised memory, barriers and leaks, and with
 * another {@code SOFTCUDA_SEED}. Checkers fail the launch or leave a report, and the bits must be
 * those of the first time.
 */
@ExtendWith(SoftCudaExtension.class)
class CheckedNetworksTest {
  @ParameterizedTest
  @CsvSource({
    "resnet20, 32, FP16",
    "resnet20, 32, BF16",
    "resnet20, 32, TF32",
    "resnet20, 32, FP32",
    "resnet18, 32, FP16",
    "resnet50, 64, FP16"
  })
  void anyOrderGivesTheSameBits(String name, int size, Precision precision) {
    hold(new TestNetwork(ResNetConfig.of(name).build(), 2, size, size), precision);
  }

  /** With resizes, concatenations and losses of pixels. */
  @ParameterizedTest
  @EnumSource(names = {"FP16", "FP32"})
  void anyOrderGivesPixelsTheSameBits(Precision precision) {
    TestNetworks.segmentations().forEach(test -> hold(test, precision));
  }

  private static void hold(TestNetwork test, Precision precision) {
    Parameters parameters = TestData.parameters(test.network());
    Optional<String> report = SoftCuda.lastReport();
    try (Engine engine = Engines.open("cuda", new EngineOptions(0, "softcuda"))) {
      try (LoadedNetwork loaded = engine.load(test.network(), parameters, precision);
          InferencePlan plan = loaded.plan(test.request(TensorLayout.NHWC))) {
        note(test + " in " + precision, Results.inference(plan, test, test.images()));
      }
      try (TrainingPlan plan =
          engine.planTraining(test.network(), parameters, test.options(precision))) {
        note(
            "training " + test + " in " + precision,
            Results.step(plan, test, test.images(), false));
        plan.update(0.1, 1);
        note("updating " + test + " in " + precision, Results.parameters(plan, test.network()));
      }
    }
    assertThat(SoftCuda.lastReport()).as("softcuda's report").isEqualTo(report);
  }

  @ParameterizedTest
  @CsvSource({"resnet20", "resnet18", "resnet50"})
  void anyOrderGivesTheSameIntegers(String name) {
    TestNetwork test = new TestNetwork(ResNetConfig.of(name).build(), 2, 32, 32);
    Optional<String> report = SoftCuda.lastReport();
    try (Engine engine = Engines.open("cuda", new EngineOptions(0, "softcuda"));
        Engine reference = Engines.open("reference", new EngineOptions(0, ""))) {
      Parameters parameters = Int8Equality.quantized(reference, test, Set.of());
      try (LoadedNetwork loaded = engine.load(test.network(), parameters, Precision.INT8);
          InferencePlan plan = loaded.plan(test.request(TensorLayout.NHWC))) {
        note(test + " in int8", Results.inference(plan, test, test.images()));
      }
    }
    assertThat(SoftCuda.lastReport()).as("softcuda's report").isEqualTo(report);
  }

  private static void note(String what, Map<String, double[]> results) {
    results.forEach(
        (name, values) ->
            assertThat(Arrays.stream(values).allMatch(Double::isFinite))
                .as("all of %s, %s, is finite", what, name)
                .isTrue());
    // By name: the order of sets differs from process to process.
    KernelBits.note(
        what, new TreeMap<>(results).values().stream().map(CheckedNetworksTest::bytes).toList());
  }

  private static ByteBuffer bytes(double[] values) {
    ByteBuffer bytes = ByteBuffer.allocate(Double.BYTES * values.length);
    bytes.asDoubleBuffer().put(values);
    return bytes;
  }
}
