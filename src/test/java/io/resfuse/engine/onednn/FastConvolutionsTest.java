package io.resfuse.engine.onednn;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.resfuse.engine.ConvolutionAlgorithm;
import io.resfuse.engine.Engine;
import io.resfuse.engine.EngineContract;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.Engines;
import io.resfuse.engine.LoadedNetwork;
import io.resfuse.engine.NetworkBuilder;
import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.Operation;
import io.resfuse.engine.OperationTimer;
import io.resfuse.engine.PlanRequest;
import io.resfuse.engine.Precision;
import io.resfuse.engine.TestData;
import io.resfuse.engine.TrainingOptions;
import io.resfuse.engine.Value;
import io.resfuse.model.ResNetConfig;
import io.resfuse.platform.Settings;
import io.resfuse.tensor.TensorLayout;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The oneDNN engine keeps the contract with Winograd's algorithm wherever that can be, too. */
class FastConvolutionsTest extends EngineContract {
  private static final EngineOptions OPTIONS = new EngineOptions(2, "");

  @BeforeEach
  void wantsKernels() {
    assumeTrue(CpuKernels.canConvolve(), "there are no kernels for convolutions here");
  }

  @Override
  protected Engine open(EngineOptions options) {
    return Engines.open("onednn", options.withConvolutions(ConvolutionAlgorithm.FAST));
  }

  @Override
  protected List<Precision> precisions() {
    return List.of(Precision.FP32);
  }

  private static List<String> inference(
      ConvolutionAlgorithm algorithm, String operation, Precision precision, int batch) {
    NetworkSpec network = ResNetConfig.of("resnet18").build();
    try (Engine engine = Engines.open("onednn", OPTIONS.withConvolutions(algorithm));
        LoadedNetwork loaded = engine.load(network, TestData.parameters(network), precision);
        var plan = loaded.plan(PlanRequest.logits(batch, 64))) {
      return ((OperationTimer) plan).implementations(operation);
    }
  }

  @Test
  void theOptionDecides() {
    String conv = "layer1.0.conv1";
    assertThat(inference(ConvolutionAlgorithm.DIRECT, conv, Precision.FP32, 4))
        .hasSize(1)
        .noneMatch(name -> name.contains("winograd"));
    for (ConvolutionAlgorithm algorithm :
        List.of(ConvolutionAlgorithm.FAST, ConvolutionAlgorithm.AUTO)) {
      assertThat(inference(algorithm, conv, Precision.FP32, 4))
          .singleElement()
          .asString()
          .startsWith("resfuse_winograd:");
    }
  }

  /** Two pictures of 2x2 are fewer tiles than it takes to be worth the larger weights. */
  @Test
  void fewTilesAreLeftDirect() {
    String conv = "layer4.1.conv1";
    assertThat(inference(ConvolutionAlgorithm.AUTO, conv, Precision.FP32, 2))
        .noneMatch(name -> name.contains("winograd"));
    assertThat(inference(ConvolutionAlgorithm.FAST, conv, Precision.FP32, 2))
        .allMatch(name -> name.startsWith("resfuse_winograd:"));
  }

  /** They are transformed as they are used, and lie in memory as others do. */
  @Test
  void weightsTakeNoMoreMemory() {
    assertThat(weightBytes(ConvolutionAlgorithm.FAST))
        .isLessThanOrEqualTo(weightBytes(ConvolutionAlgorithm.DIRECT));
  }

  private static long weightBytes(ConvolutionAlgorithm algorithm) {
    NetworkSpec network = ResNetConfig.of("resnet18").build();
    try (Engine engine = Engines.open("onednn", OPTIONS.withConvolutions(algorithm));
        LoadedNetwork loaded = engine.load(network, TestData.parameters(network), Precision.FP32)) {
      return loaded.memory(PlanRequest.logits(4, 64)).weights();
    }
  }

  /** What benchmarks have derived: large images, many channels and batches are worth it. */
  @Test
  void theModelKnowsWhatIsWorthIt() {
    assertThat(FastCosts.here().share(196, 56 * 56, 64, 64)).isLessThan(1);
    assertThat(FastCosts.here().share(1, 4, 64, 64)).isGreaterThan(1);
    FastCosts costs = new FastCosts(4, 10, 64);
    assertThat(costs.share(10, 100, 32, 64)).isEqualTo((40 + 10 + 64 * 10 * (3.0 / 64)) / 100);
  }

  /** Work is cut by the caches, and tiles or output channels are divided among the threads. */
  @Test
  void noBitDependsOnTheCachesOrTheThreads() {
    float[] first = logits("32K,1M", 2);
    assertThat(logits("32K,1M", 2)).as("again").isEqualTo(first);
    assertThat(logits("32K,1M", 1)).isEqualTo(first);
    assertThat(logits("32K,256K", 2)).isEqualTo(first);
    assertThat(logits("48K,2M", 3)).isEqualTo(first);
  }

  private static float[] logits(String caches, int threads) {
    // Convolutions that are ours alone: oneDNN does not promise its bits for any number of threads.
    NetworkBuilder builder = new NetworkBuilder("fast", 64);
    Operation.Window window = new Operation.Window(3, 1, 1, 1);
    Value wide =
        builder.fusedConv(
            builder.input(), new NetworkBuilder.Conv("a", 128, window, 1, true, null), null, true);
    builder.output(
        "out",
        builder.fusedConv(
            wide, new NetworkBuilder.Conv("b", 64, window, 1, true, null), null, true));
    NetworkSpec network = builder.build();
    System.setProperty(Settings.CPU_CACHES.key(), caches);
    try (Engine engine =
            Engines.open(
                "onednn",
                new EngineOptions(threads, "").withConvolutions(ConvolutionAlgorithm.FAST));
        LoadedNetwork loaded = engine.load(network, TestData.parameters(network), Precision.FP32);
        var plan = loaded.plan(new PlanRequest(3, 28, 28, TensorLayout.NCHW, Set.of("out")))) {
      for (int i = 0; i < plan.input().capacity(); i++) {
        plan.input().put(i, (float) Math.sin(i));
      }
      plan.run();
      float[] values = new float[plan.output("out").capacity()];
      plan.output("out").get(0, values);
      return values;
    } finally {
      System.clearProperty(Settings.CPU_CACHES.key());
    }
  }

  @Test
  void stridesAreLeftDirect() {
    assertThat(inference(ConvolutionAlgorithm.FAST, "layer2.0.conv1", Precision.FP32, 4))
        .noneMatch(name -> name.contains("winograd"));
  }

  private static List<String> training(ConvolutionAlgorithm algorithm, int batch) {
    NetworkSpec network = ResNetConfig.of("resnet20").build();
    try (Engine engine = Engines.open("onednn", OPTIONS.withConvolutions(algorithm));
        var plan =
            engine.planTraining(
                network,
                TestData.parameters(network),
                TrainingOptions.standard(batch, 32, Precision.FP32))) {
      return ((OperationTimer) plan).implementations("layer1.0.conv1");
    }
  }

  /** Of what computes the direct way nothing is left; only weights are put in order. */
  @Test
  void trainingIsFastBothWays() {
    List<String> direct =
        training(ConvolutionAlgorithm.DIRECT, 32).stream()
            .filter(name -> !name.startsWith("resfuse_"))
            .toList();
    assertThat(direct).isNotEmpty();
    assertThat(training(ConvolutionAlgorithm.AUTO, 32))
        .anyMatch(name -> name.startsWith("resfuse_winograd:"))
        .anyMatch(name -> name.startsWith("resfuse_winograd_weights:"))
        .doesNotContainAnyElementsOf(direct);
  }

  /** The gradient of the weights has parts that do not grow with the batch. */
  @Test
  void gradientsOfWeightsAreLeftDirectInSmallBatches() {
    assertThat(training(ConvolutionAlgorithm.AUTO, 4))
        .anyMatch(name -> name.startsWith("resfuse_winograd:"))
        .noneMatch(name -> name.startsWith("resfuse_winograd_weights:"));
    assertThat(training(ConvolutionAlgorithm.FAST, 4))
        .anyMatch(name -> name.startsWith("resfuse_winograd_weights:"));
  }
}
