package io.resfuse.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.fail;
import static org.assertj.core.api.Assertions.offset;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.resfuse.engine.Engine.Mode;
import io.resfuse.engine.NetworkBuilder.Conv;
import io.resfuse.engine.Operation.Window;
import io.resfuse.engine.Optimizer.Adam;
import io.resfuse.engine.Optimizer.Group;
import io.resfuse.engine.Optimizer.Sgd;
import io.resfuse.engine.TestNetworks.TestNetwork;
import io.resfuse.engine.reference.ReferenceEngine;
import io.resfuse.tensor.HostTensor;
import io.resfuse.tensor.TensorLayout;
import io.resfuse.verify.Tolerance;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.IntFunction;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * What every engine must compute, held against the engine {@code reference}. An engine's test
 * extends it.
 *
 * <p>Tolerances are those of {@link Tolerance}. A rounding error may switch a ReLU, or the choice
 * of a max pool, whose two sides are closer than itself, and so change gradients by much more than
 * itself. That is rare, so a case that misses is tried with other images, up to {@link #ATTEMPTS}
 * times, and what missed is printed: an engine that computes wrongly misses them all.
 *
 * <p>Tests tagged {@code core} are those that {@code .ci/arm64} runs in an emulator.
 */
public abstract class EngineContract extends PlanContract {
  private static final int ATTEMPTS = 3;

  private ReferenceEngine reference;

  /** Whether parameters and optimizer state survive a trip to float32 bit for bit. */
  protected boolean statesAreFloat32() {
    return true;
  }

  private static List<TestNetwork> cases() {
    List<TestNetwork> cases = new ArrayList<>(TestNetworks.all());
    cases.addAll(TestNetworks.maps());
    return cases;
  }

  /** The ResNets on which it is tried what does not concern single operations. */
  protected List<TestNetwork> networks(Precision precision) {
    return TestNetworks.networks();
  }

  /** The networks that give pixels classes on which the same is tried. */
  protected List<TestNetwork> segmentations(Precision precision) {
    return TestNetworks.segmentations();
  }

  private List<TestNetwork> wholeNetworks(Precision precision) {
    List<TestNetwork> cases = new ArrayList<>(networks(precision));
    cases.addAll(segmentations(precision));
    return cases;
  }

  @BeforeAll
  final void openReference() {
    reference = new ReferenceEngine(EngineOptions.defaults());
  }

  @AfterAll
  final void closeReference() {
    reference.close();
  }

  final Stream<Arguments> casesAndPrecisions() {
    return precisions().stream().flatMap(p -> cases().stream().map(test -> Arguments.of(test, p)));
  }

  final Stream<Arguments> networksAndPrecisions() {
    return precisions().stream()
        .flatMap(p -> wholeNetworks(p).stream().map(test -> Arguments.of(test, p)));
  }

  final Stream<Arguments> exactCasesAndPrecisions() {
    return precisions().stream()
        .flatMap(p -> TestNetworks.exact().stream().map(test -> Arguments.of(test, p)));
  }

  // ---------------------------------------------------------------- against the reference

  @Tag("core")
  @ParameterizedTest
  @MethodSource("casesAndPrecisions")
  void inferenceIsTheReferences(TestNetwork test, Precision precision) {
    assumeCan(precision, Mode.INFERENCE);
    Parameters parameters = TestData.parameters(test.network());
    try (LoadedNetwork loaded = engine().load(test.network(), parameters, precision)) {
      for (TensorLayout layout : TensorLayout.values()) {
        try (InferencePlan plan = loaded.plan(test.request(layout))) {
          compare(
              test,
              precision,
              (p, images) -> referenceInference(test, parameters, p, images),
              images -> Results.inference(plan, test, images));
        }
      }
    }
  }

  private Map<String, double[]> referenceInference(
      TestNetwork test, Parameters parameters, Precision precision, float[] images) {
    try (LoadedNetwork loaded = reference.load(test.network(), parameters, precision);
        InferencePlan plan = loaded.plan(test.request(TensorLayout.NCHW))) {
      return Results.inference(plan, test, images);
    }
  }

  @Tag("core")
  @ParameterizedTest
  @MethodSource("casesAndPrecisions")
  void trainingIsTheReferences(TestNetwork test, Precision precision) {
    for (TensorLayout layout : TensorLayout.values()) {
      compareStep(test, precision, with(test.options(precision), layout), 1);
    }
  }

  @ParameterizedTest
  @MethodSource("networksAndPrecisions")
  void gradientsAccumulate(TestNetwork test, Precision precision) {
    compareStep(test, precision, test.options(precision), 3);
  }

  @ParameterizedTest
  @MethodSource("casesAndPrecisions")
  void frozenBatchNormsUseRunningStatistics(TestNetwork test, Precision precision) {
    Set<String> norms = new HashSet<>();
    for (ParameterSpec parameter : test.network().parameters().values()) {
      switch (parameter.role()) {
        case BN_GAMMA, BN_BETA -> norms.add(parameter.name());
        default -> {}
      }
    }
    compareStep(test, precision, test.options(precision).withFrozen(norms), 1);
  }

  @ParameterizedTest
  @MethodSource("networksAndPrecisions")
  void halfFrozenNetworksTrain(TestNetwork test, Precision precision) {
    // The stem and the first stage as fine-tuning freezes them, all of the second stage but its
    // gammas, and every other beta: such norms still take batch statistics.
    Set<String> frozen = new HashSet<>();
    boolean odd = false;
    for (ParameterSpec parameter : test.network().parameters().values()) {
      if (!parameter.isTrainable()) {
        continue;
      }
      String name = parameter.name();
      String layer = name.replaceFirst("^backbone\\.", "");
      boolean early = layer.startsWith("conv1") || layer.startsWith("bn1");
      boolean gamma = parameter.role() == ParameterSpec.Role.BN_GAMMA;
      if (early || layer.startsWith("layer1") || (layer.startsWith("layer2") && !gamma)) {
        frozen.add(name);
      } else if (parameter.role() == ParameterSpec.Role.BN_BETA) {
        odd = !odd;
        if (odd) {
          frozen.add(name);
        }
      }
    }
    TrainingOptions options = test.options(precision).withFrozen(frozen);
    compareStep(test, precision, options, 1);
    compareStep(test, precision, options.withInputGradient(false), 1);
  }

  @ParameterizedTest
  @MethodSource("networksAndPrecisions")
  void gradientsOfInnerOutputsAddUp(TestNetwork test, Precision precision) {
    TrainingOptions all =
        new TrainingOptions(
            test.batch(),
            test.height(),
            test.width(),
            TensorLayout.NHWC,
            precision,
            test.network().outputs().keySet(),
            Set.of(),
            true,
            Sgd.standard());
    assumeCan(precision, Mode.TRAINING);
    Parameters parameters = TestData.parameters(test.network());
    try (TrainingPlan plan = engine().planTraining(test.network(), parameters, all)) {
      compare(
          test,
          precision,
          (p, images) -> {
            try (TrainingPlan truth =
                reference.planTraining(test.network(), parameters, with(all, p))) {
              return innerStep(truth, test, images);
            }
          },
          images -> {
            plan.writeParameters(parameters);
            return innerStep(plan, test, images);
          });
    }
  }

  private static Map<String, double[]> innerStep(
      TrainingPlan plan, TestNetwork test, float[] images) {
    for (String output : plan.options().outputs()) {
      FloatBuffer gradient = plan.outputGradient(output);
      float[] constants = TestData.fill(output + "/constants", gradient.capacity(), 0, 0.01);
      Results.put(constants, gradient, plan.outputShape(output), plan.options().layout());
    }
    return Results.step(plan, test, images, false);
  }

  private void compareStep(
      TestNetwork test, Precision precision, TrainingOptions options, int steps) {
    assumeCan(precision, Mode.TRAINING);
    Parameters parameters = TestData.parameters(test.network());
    try (TrainingPlan plan = engine().planTraining(test.network(), parameters, options)) {
      compare(
          test,
          precision,
          (p, images) -> {
            try (TrainingPlan truth =
                reference.planTraining(test.network(), parameters, with(options, p))) {
              return steps(truth, test, images, steps);
            }
          },
          images -> {
            plan.writeParameters(parameters);
            Map<String, double[]> results = steps(plan, test, images, steps);
            plan.writeParameters(parameters);
            assertSameBits(results, steps(plan, test, images, steps), "rerun");
            return results;
          });
    }
  }

  /** Steps whose gradients accumulate. Their images are those given, turned by an element each. */
  private static Map<String, double[]> steps(
      TrainingPlan plan, TestNetwork test, float[] images, int steps) {
    Map<String, double[]> results = Map.of();
    for (int step = 0; step < steps; step++) {
      float[] turned = new float[images.length];
      for (int i = 0; i < images.length; i++) {
        turned[i] = images[(i + step) % images.length];
      }
      results = Results.step(plan, test, turned, step > 0);
    }
    return results;
  }

  @ParameterizedTest
  @MethodSource("networksAndPrecisions")
  void evaluationUsesRunningStatisticsAndChangesNothing(TestNetwork test, Precision precision) {
    assumeCan(precision, Mode.TRAINING);
    Parameters parameters = TestData.parameters(test.network());
    try (TrainingPlan plan =
        engine().planTraining(test.network(), parameters, test.options(precision))) {
      plan.forward();
      plan.writeParameters(parameters);
      compare(
          test,
          precision,
          (p, images) ->
              Map.of("logits", referenceInference(test, parameters, p, images).get("logits")),
          images -> {
            TestData.put(images, plan.input());
            Results.poison(plan.output("logits"));
            plan.evaluate();
            return Results.outputs(plan);
          });
      Parameters after = Parameters.zeros(test.network());
      plan.readParameters(after);
      for (String name : parameters.asMap().keySet()) {
        assertThat(after.get(name).toArray()).as(name).isEqualTo(parameters.get(name).toArray());
      }
      assertThatThrownBy(() -> plan.backward(false)).isInstanceOf(IllegalStateException.class);
    }
  }

  private interface Truth {
    Map<String, double[]> run(Precision precision, float[] images);
  }

  private interface Subject {
    Map<String, double[]> run(float[] images);
  }

  /**
   * Holds results within their tolerance, on up to {@link #ATTEMPTS} sets of images: where a
   * rounding switches a ReLU, gradients jump by more than any bound on rounding says. In fp32 that
   * is rare, and everything must agree on one set. In lower precisions hardly a set is without such
   * a switch, but it hits other tensors each time, while a mistake hits the same: each tensor must
   * agree on one set.
   */
  private void compare(TestNetwork test, Precision precision, Truth truth, Subject subject) {
    StringBuilder misses = new StringBuilder();
    Set<String> always = null;
    boolean oneByOne = precision != Precision.FP32 && precision != Precision.FP64;
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
      float[] images = test.images(attempt);
      Map<String, double[]> single = truth.run(Precision.FP32, images);
      Map<String, double[]> stored =
          precision == Precision.FP32 ? single : truth.run(precision, images);
      Tolerance tolerance =
          new Tolerance(
              Tolerance.longestSum(test.network(), test.batch(), test.height(), test.width()),
              truth.run(Precision.FP64, images),
              stored,
              single,
              0);
      Map<String, String> missed = tolerance.misses(subject.run(images));
      if (always == null) {
        always = new HashSet<>(missed.keySet());
      } else {
        always.retainAll(missed.keySet());
      }
      if (missed.isEmpty() || (oneByOne && always.isEmpty())) {
        if (attempt > 0) {
          System.err.printf(
              "%s, %s, %s agrees only after images %d; before:%s%n",
              engine().name(), test, precision, attempt, misses);
        }
        return;
      }
      misses.append(
          String.format(
              "%n  images %d: %d tensors, %s",
              attempt,
              missed.size(),
              String.join("; ", missed.values().stream().limit(8).toList())));
    }
    fail("%s in %s on %s:%s", engine().name(), precision, test, misses);
  }

  private static TrainingOptions with(TrainingOptions options, Precision precision) {
    return new TrainingOptions(
        options.batch(),
        options.height(),
        options.width(),
        options.layout(),
        precision,
        options.outputs(),
        options.frozen(),
        options.inputGradient(),
        options.optimizer());
  }

  private static TrainingOptions with(TrainingOptions options, TensorLayout layout) {
    return new TrainingOptions(
        options.batch(),
        options.height(),
        options.width(),
        layout,
        options.precision(),
        options.outputs(),
        options.frozen(),
        options.inputGradient(),
        options.optimizer());
  }

  /**
   * As {@link #assertSameBits}, but zeros are equal: a ReLU may keep the sign of what it cuts.
   * Where the engine's sums are not exact, numbers must be nearer than integers are to each other.
   */
  private void assertSameNumbers(
      Map<String, double[]> expected, Map<String, double[]> actual, String what) {
    if (!engine().hasExactSums()) {
      expected.forEach(
          (name, array) -> {
            double[] got = actual.get(name);
            for (int i = 0; i < array.length; i++) {
              assertThat(got[i])
                  .as("%s: %s at %d", what, name, i)
                  .isCloseTo(array[i], within(1.0 / 64 + 1e-5 * Math.abs(array[i])));
            }
          });
      return;
    }
    assertSameBits(withoutNegativeZeros(expected), withoutNegativeZeros(actual), what);
  }

  private static Map<String, double[]> withoutNegativeZeros(Map<String, double[]> results) {
    Map<String, double[]> plain = new LinkedHashMap<>();
    results.forEach(
        (name, array) -> plain.put(name, Arrays.stream(array).map(x -> x + 0.0).toArray()));
    return plain;
  }

  private static void assertSameBits(
      Map<String, double[]> expected, Map<String, double[]> actual, String what) {
    expected.forEach(
        (name, array) ->
            assertThat(Arrays.equals(actual.get(name), array))
                .as("%s: the same bits of %s", what, name)
                .isTrue());
  }

  // ---------------------------------------------------------------- exact

  /** Small integers: every sum is exact in any order, so results must be equal. */
  @Tag("core")
  @ParameterizedTest
  @MethodSource("exactCasesAndPrecisions")
  void integersAreExact(TestNetwork test, Precision precision) {
    Parameters parameters = Parameters.zeros(test.network());
    parameters
        .asMap()
        .forEach((name, tensor) -> tensor.buffer().put(integers(name, tensor.toArray().length, 2)));
    float[] images = integers("images", (int) test.imageShape().elements(), 4);
    assumeCan(precision, Mode.INFERENCE);
    try (LoadedNetwork loaded = engine().load(test.network(), parameters, precision);
        InferencePlan plan = loaded.plan(test.request(TensorLayout.NHWC))) {
      assertSameNumbers(
          referenceInference(test, parameters, precision, images),
          Results.inference(plan, test, images),
          "inference");
    }
    assumeCan(precision, Mode.TRAINING);
    boolean decidesZeros =
        test.network().operations().stream()
            .anyMatch(operation -> operation instanceof Operation.FusedConv conv && conv.relu());
    if (decidesZeros && !engine().hasExactSums()) {
      return; // integers are often 0 before a ReLU, which being near does not decide
    }
    TrainingOptions options = test.options(precision);
    try (TrainingPlan plan = engine().planTraining(test.network(), parameters, options);
        TrainingPlan truth = reference.planTraining(test.network(), parameters, options)) {
      assertSameNumbers(
          integerStep(truth, test, images), integerStep(plan, test, images), "training");
    }
  }

  private static Map<String, double[]> integerStep(
      TrainingPlan plan, TestNetwork test, float[] images) {
    TestData.put(images, plan.input());
    plan.forward();
    TestData.put(
        integers("constants", plan.outputGradient("out").capacity(), 2),
        plan.outputGradient("out"));
    plan.backward(false);
    Map<String, double[]> results = new LinkedHashMap<>(Results.outputs(plan));
    results.putAll(Results.gradients(plan, test));
    return results;
  }

  private static float[] integers(String name, int length, int largest) {
    long seed = TestData.seed(name);
    float[] array = new float[length];
    for (int i = 0; i < length; i++) {
      array[i] = Long.remainderUnsigned(TestData.bits(seed, i), 2L * largest + 1) - (float) largest;
    }
    return array;
  }

  // ---------------------------------------------------------------- unusual values

  @ParameterizedTest
  @MethodSource("networksAndPrecisions")
  void blackImagesGiveFiniteGradients(TestNetwork test, Precision precision) {
    assumeTrue(
        precision != Precision.FP16,
        "without variance a batch norm multiplies gradients by 1 / sqrt(eps), too much for fp16");
    assumeCan(precision, Mode.TRAINING);
    Parameters parameters = TestData.parameters(test.network());
    try (TrainingPlan plan =
        engine().planTraining(test.network(), parameters, test.options(precision))) {
      float[] black = new float[(int) test.imageShape().elements()];
      Results.step(plan, test, black, false)
          .forEach(
              (name, array) ->
                  assertThat(Arrays.stream(array).allMatch(Double::isFinite)).as(name).isTrue());
    }
  }

  @Tag("core")
  @ParameterizedTest
  @MethodSource("networksAndPrecisions")
  void notANumberStaysInItsImage(TestNetwork test, Precision precision) {
    assumeCan(precision, Mode.INFERENCE);
    Parameters parameters = TestData.parameters(test.network());
    try (LoadedNetwork loaded = engine().load(test.network(), parameters, precision);
        InferencePlan plan = loaded.plan(test.request(TensorLayout.NCHW))) {
      float[] images = test.images();
      double[] clean = Results.inference(plan, test, images).get("logits");
      Arrays.fill(images, 0, images.length / test.batch(), Float.NaN);
      double[] logits = Results.inference(plan, test, images).get("logits");
      int classes = logits.length / test.batch();
      for (int i = 0; i < logits.length; i++) {
        if (i < classes) {
          assertThat(logits[i]).as("logit %d", i).isNaN();
        } else {
          assertThat(logits[i]).as("logit %d", i).isEqualTo(clean[i]);
        }
      }
      Arrays.fill(images, 0, images.length / test.batch(), 1);
      double[] again = Results.inference(plan, test, images).get("logits");
      assertThat(Arrays.stream(again).allMatch(Double::isFinite)).isTrue();
    }
  }

  // ---------------------------------------------------------------- plans

  @Tag("core")
  @ParameterizedTest
  @MethodSource("networksAndPrecisions")
  void plansOfOneNetworkRunConcurrentlyWithTheSameBits(TestNetwork test, Precision precision)
      throws Exception {
    assumeCan(precision, Mode.INFERENCE);
    Parameters parameters = TestData.parameters(test.network());
    ExecutorService threads = Executors.newFixedThreadPool(4);
    try (LoadedNetwork loaded = engine().load(test.network(), parameters, precision)) {
      List<Callable<Map<String, double[]>>> tasks = new ArrayList<>();
      for (int i = 0; i < 4; i++) {
        tasks.add(
            () -> {
              Map<String, double[]> last = Map.of();
              try (InferencePlan plan = loaded.plan(test.request(TensorLayout.NCHW))) {
                for (int run = 0; run < 3; run++) {
                  last = Results.inference(plan, test, test.images());
                }
              }
              return last;
            });
      }
      Map<String, double[]> alone = tasks.get(0).call();
      for (Future<Map<String, double[]>> result : threads.invokeAll(tasks)) {
        assertSameBits(alone, result.get(), "another plan");
      }
    } finally {
      threads.shutdownNow();
    }
  }

  @ParameterizedTest
  @MethodSource("networksAndPrecisions")
  void plansTellTheirMemoryBeforehand(TestNetwork test, Precision precision) {
    Parameters parameters = TestData.parameters(test.network());
    NetworkSpec trained = test.network().restrictedTo(Set.of(test.output()));
    long trainable =
        trained.parameters().values().stream()
            .filter(ParameterSpec::isTrainable)
            .mapToLong(p -> p.shape().elements())
            .sum();
    assumeCan(precision, Mode.INFERENCE);
    try (LoadedNetwork loaded = engine().load(test.network(), parameters, precision)) {
      PlanRequest request = test.request(TensorLayout.NCHW);
      PlanMemory before = loaded.memory(request);
      try (InferencePlan plan = loaded.plan(request)) {
        assertThat(plan.memory()).isEqualTo(before);
        assertThat(before.activations())
            .isPositive()
            .isLessThanOrEqualTo(before.activationsUnshared());
        assertThat(before.host()).isPositive();
        assertThat(before.weights()).isPositive();
        assertThat(plan.request()).isEqualTo(request);
        assertThat(plan.outputShape("logits")).isEqualTo(test.outputShape());
      }
    }
    assumeCan(precision, Mode.TRAINING);
    TrainingOptions options = test.options(precision);
    PlanMemory before = engine().trainingMemory(test.network(), options);
    try (TrainingPlan plan = engine().planTraining(test.network(), parameters, options)) {
      assertThat(plan.memory()).isEqualTo(before);
      // Master weights, gradients and momentum are float32 at least.
      assertThat(before.weights()).isGreaterThanOrEqualTo(3 * 4 * trainable);
      assertThat(plan.options()).isEqualTo(options);
    }
  }

  // ---------------------------------------------------------------- loss

  @Tag("core")
  @Test
  void crossEntropyIsItsDefinition() {
    TestNetwork test = small();
    TrainingOptions options = test.options(firstPrecision(Mode.TRAINING));
    try (TrainingPlan plan = trainSmall(options)) {
      TestData.put(test.images(), plan.input());
      plan.forward();
      double[] logits = Results.outputs(plan).get("logits");
      int[] labels = {3, -1, 10};
      double[][] smooth = new double[3][11];
      float[] targets = TestData.fill("targets", 33, 1, 1);
      double[][] soft = new double[3][11];
      for (int n = 0; n < 3; n++) {
        float sum = 0;
        for (int k = 0; k < 11; k++) {
          smooth[n][k] = labels[n] < 0 ? 0 : 0.2 / 11 + (k == labels[n] ? 0.8 : 0);
          sum += targets[n * 11 + k];
        }
        for (int k = 0; k < 11; k++) {
          targets[n * 11 + k] /= sum;
          soft[n][k] = targets[n * 11 + k];
        }
      }
      double loss = plan.softmaxCrossEntropy(labels, 0.2);
      checkLoss(loss, plan, logits, smooth, 2);
      loss = plan.softmaxCrossEntropy(FloatBuffer.wrap(targets));
      checkLoss(loss, plan, logits, soft, 3);
      loss = plan.softmaxCrossEntropy(new int[] {-1, -1, -1}, 0.2);
      checkLoss(loss, plan, logits, new double[3][11], 1);
      plan.backward(false);
      assertThat(plan.gradientNorm()).as("no label, no gradient").isZero();
    }
  }

  /** One of two outputs, whose logits are images, in both layouts, with a weight. */
  @Tag("core")
  @Test
  void crossEntropyOfPixelsIsItsDefinition() {
    NetworkBuilder builder = new NetworkBuilder("pixels", 4);
    for (String output : List.of("logits", "aux")) {
      Conv conv = new Conv(output, 3, new Window(1, 1, 0, 1), 1, true, null);
      builder.output(output, builder.fusedConv(builder.input(), conv, null, false));
    }
    TestNetwork test = new TestNetwork(builder.build(), 2, 3, 5);
    int[] labels = TestData.labels("pixels", 30, 4);
    int counted = 0;
    for (int i = 0; i < labels.length; i++) {
      labels[i] = labels[i] == 3 ? -1 : labels[i];
      counted += labels[i] >= 0 ? 1 : 0;
    }
    assertThat(counted).isBetween(10, 29);
    for (TensorLayout layout : TensorLayout.values()) {
      TrainingOptions options =
          new TrainingOptions(
              2,
              3,
              5,
              layout,
              firstPrecision(Mode.TRAINING),
              Set.of("logits", "aux"),
              Set.of(),
              false,
              Sgd.standard());
      try (TrainingPlan plan =
          engine().planTraining(test.network(), TestData.parameters(test.network()), options)) {
        Results.put(test.images(), plan.input(), test.imageShape(), layout);
        plan.forward();
        double[] logits = Results.outputs(plan).get("aux");
        double loss = plan.softmaxCrossEntropy("aux", labels, 0.1, 0.5);
        double[] gradient =
            Results.toNchw(plan.outputGradient("aux"), plan.outputShape("aux"), layout);
        double expected = 0;
        for (int n = 0; n < 2; n++) {
          for (int p = 0; p < 15; p++) {
            int label = labels[n * 15 + p];
            double sum = 0;
            for (int k = 0; k < 3; k++) {
              sum += Math.exp(logits[(n * 3 + k) * 15 + p]);
            }
            for (int k = 0; k < 3; k++) {
              int i = (n * 3 + k) * 15 + p;
              double target = label < 0 ? 0 : 0.1 / 3 + (k == label ? 0.9 : 0);
              double softmax = Math.exp(logits[i]) / sum;
              expected -= 0.5 * target * Math.log(softmax) / counted;
              double slope = label < 0 ? 0 : 0.5 * (softmax - target) / counted;
              assertThat(gradient[i])
                  .as("%s: class %d of pixel %d of image %d", layout, k, p, n)
                  .isCloseTo(slope, offset(1e-6));
            }
          }
        }
        assertThat(loss).isCloseTo(expected, offset(2e-6 * (1 + expected)));
        assertThat(plan.softmaxCrossEntropy(labels, 0)).isPositive();
        plan.backward(false);
        assertThat(plan.gradientNorm()).isPositive();
        assertThatThrownBy(() -> plan.softmaxCrossEntropy("aux", new int[2], 0, 1))
            .hasMessage("the plan has a batch of 2 images of 3x5 pixels, got 2 labels");
        labels[22] = 3;
        assertThatThrownBy(() -> plan.softmaxCrossEntropy("aux", labels, 0, 1))
            .hasMessage(
                "label 3 of the pixel in row 1, column 2 of image 1 is not one of 3 classes"
                    + " (0 to 2, or -1 for none)");
        labels[22] = -1;
        assertThatThrownBy(() -> plan.softmaxCrossEntropy("aux", labels, 0, Double.NaN))
            .hasMessage("the weight of a loss must be finite and at least 0, got NaN");
        assertThatThrownBy(() -> plan.softmaxCrossEntropy(FloatBuffer.allocate(90)))
            .hasMessage("distributions are for logits of images, these are of pixels; use labels");
      }
      counted = (int) Arrays.stream(labels).filter(label -> label >= 0).count();
    }
  }

  private static void checkLoss(
      double loss, TrainingPlan plan, double[] logits, double[][] targets, int counted) {
    double expected = 0;
    for (int n = 0; n < targets.length; n++) {
      double sum = 0;
      double mass = 0;
      for (int k = 0; k < 11; k++) {
        sum += Math.exp(logits[n * 11 + k]);
        mass += targets[n][k];
      }
      for (int k = 0; k < 11; k++) {
        double logProbability = logits[n * 11 + k] - Math.log(sum);
        expected -= targets[n][k] * logProbability / counted;
        double gradient = (Math.exp(logProbability) * mass - targets[n][k]) / counted;
        assertThat((double) plan.outputGradient("logits").get(n * 11 + k))
            .as("gradient of logit %d of image %d", k, n)
            .isCloseTo(gradient, offset(1e-6));
      }
    }
    assertThat(loss).isCloseTo(expected, offset(2e-6 * (1 + expected)));
  }

  @Test
  void crossEntropyOfHugeLogitsIsFinite() {
    NetworkBuilder builder = new NetworkBuilder("huge", 2);
    Value pooled = builder.globalAveragePool("avgpool", builder.input());
    builder.output("logits", builder.linear("fc", pooled, 3));
    NetworkSpec network = builder.build();
    Parameters parameters = Parameters.zeros(network);
    parameters.get("fc.bias").buffer().put(new float[] {10000, 0, -10000});
    TrainingOptions options = TrainingOptions.standard(1, 1, firstPrecision(Mode.TRAINING));
    try (TrainingPlan plan = engine().planTraining(network, parameters, options)) {
      plan.forward();
      double loss = plan.softmaxCrossEntropy(new int[] {1}, 0);
      double stored = plan.output("logits").get(0);
      assertThat(loss).isCloseTo(stored, offset(1e-6 * stored));
      assertThat(plan.outputGradient("logits").get(0)).isEqualTo(1);
      assertThat(plan.outputGradient("logits").get(1)).isEqualTo(-1);
      assertThat(plan.outputGradient("logits").get(2)).isEqualTo(0);
    }
  }

  // ---------------------------------------------------------------- optimizer

  static List<Optimizer> optimizers() {
    Map<String, Group> groups =
        Map.of("fc.bias", new Group(2, 0), "layer1.0.conv1.weight", new Group(0.5, 0.05));
    return List.of(
        new Sgd(0, false, 0, Map.of()),
        Sgd.standard(),
        new Sgd(0.8, true, 0.01, groups),
        new Adam(0.9, 0.999, 1e-8, false, 0, Map.of()),
        new Adam(0.8, 0.95, 1e-4, false, 0.02, groups),
        Adam.adamW(),
        new Adam(0.9, 0.99, 1e-6, true, 0.05, groups));
  }

  /** Every step against the formulas in double, fed with the engine's own gradients. */
  @ParameterizedTest
  @MethodSource("optimizers")
  void optimizersDoTheirFormulas(Optimizer optimizer) {
    TestNetwork test = small();
    TrainingOptions options = test.options(firstPrecision(Mode.TRAINING)).withOptimizer(optimizer);
    Map<String, double[]> momenta = new LinkedHashMap<>();
    Map<String, double[]> squares = new LinkedHashMap<>();
    try (TrainingPlan plan = trainSmall(options)) {
      for (int step = 1; step <= 4; step++) {
        Map<String, double[]> results = Results.step(plan, test, test.images(step), false);
        double rate = 0.1 / step;
        double scale = step == 3 ? 0.25 : 1;
        plan.update(rate, scale);
        Map<String, double[]> after = Results.parameters(plan, test.network());
        for (ParameterSpec parameter : test.network().parameters().values()) {
          String name = parameter.name();
          double[] before = results.get(name);
          if (!parameter.isTrainable()) {
            assertThat(after.get(name)).as(name).isEqualTo(before);
            continue;
          }
          double[] gradient = results.get("gradient of " + name);
          double[] momentum = momenta.computeIfAbsent(name, n -> new double[gradient.length]);
          double[] square = squares.computeIfAbsent(name, n -> new double[gradient.length]);
          Group group = optimizer.group(name);
          double lr = rate * group.learningRateScale();
          for (int i = 0; i < gradient.length; i++) {
            double g = scale * gradient[i];
            double w = before[i];
            double change;
            if (optimizer instanceof Sgd sgd) {
              g += group.weightDecay() * w;
              momentum[i] = sgd.momentum() * momentum[i] + g;
              change = lr * (sgd.nesterov() ? g + sgd.momentum() * momentum[i] : momentum[i]);
            } else {
              Adam adam = (Adam) optimizer;
              g += adam.decoupled() ? 0 : group.weightDecay() * w;
              momentum[i] = adam.beta1() * momentum[i] + (1 - adam.beta1()) * g;
              square[i] = adam.beta2() * square[i] + (1 - adam.beta2()) * g * g;
              double mean = momentum[i] / (1 - Math.pow(adam.beta1(), step));
              double root = Math.sqrt(square[i] / (1 - Math.pow(adam.beta2(), step)));
              change = lr * mean / (root + adam.epsilon());
              change += adam.decoupled() ? lr * group.weightDecay() * w : 0;
            }
            // Some ten float32 operations, each off by half a unit, on these magnitudes.
            double bound = 8 * 0x1p-24 * (Math.abs(w) + lr * (1 + Math.abs(g)) + Math.abs(change));
            assertThat(after.get(name)[i])
                .as("%s[%d] after step %d", name, i, step)
                .isCloseTo(w - change, offset(bound));
          }
        }
      }
    }
  }

  @Tag("core")
  @ParameterizedTest
  @MethodSource("optimizers")
  void checkpointsContinueWithTheSameBits(Optimizer optimizer) {
    TestNetwork test = small();
    TrainingOptions options = test.options(firstPrecision(Mode.TRAINING)).withOptimizer(optimizer);
    IntFunction<float[]> images = test::images;
    try (TrainingPlan first = trainSmall(options);
        TrainingPlan second = trainSmall(options)) {
      for (int step = 0; step < 3; step++) {
        Results.step(first, test, images.apply(step), false);
        first.update(0.05, 1);
      }
      Results.step(second, test, images.apply(7), false);
      second.update(0.5, 1);
      Parameters parameters = Parameters.zeros(test.network());
      first.readParameters(parameters);
      Map<String, HostTensor> state = first.readOptimizerState();
      assertThat(state.get("steps").get(0)).isEqualTo(3);
      second.writeParameters(parameters);
      second.writeOptimizerState(state);
      if (!statesAreFloat32()) {
        first.writeParameters(parameters);
        first.writeOptimizerState(state);
      }
      Map<String, HostTensor> copied = second.readOptimizerState();
      assertThat(copied.keySet()).isEqualTo(state.keySet());
      state.forEach((k, v) -> assertThat(copied.get(k).toArray()).as(k).isEqualTo(v.toArray()));
      for (int step = 3; step < 6; step++) {
        assertSameBits(
            Results.step(first, test, images.apply(step), false),
            Results.step(second, test, images.apply(step), false),
            "continued step " + step);
        first.update(0.05, 1);
        second.update(0.05, 1);
      }
      assertSameBits(
          Results.parameters(first, test.network()),
          Results.parameters(second, test.network()),
          "continued");
    }
  }

  /** From a few pixels to many; with channels that fit a vector and such that do not. */
  @ParameterizedTest
  @CsvSource({"16, 1, 20, 25", "16, 4, 64, 61", "12, 7, 47, 53", "16, 31, 31, 33"})
  final void sumsOverPixelsAreThoseOfFloat64(int channels, int batch, int height, int width) {
    assumeCan(Precision.FP32, Mode.TRAINING);
    NormSums.check(engine(), channels, batch, height, width);
  }

  @Test
  void gradientNormIsThatOfAllGradients() {
    TestNetwork test = small();
    TrainingOptions options =
        test.options(firstPrecision(Mode.TRAINING)).withFrozen(Set.of("conv1.weight"));
    try (TrainingPlan plan = trainSmall(options)) {
      Map<String, double[]> results = Results.step(plan, test, test.images(), false);
      double squares = 0;
      for (ParameterSpec parameter : test.network().parameters().values()) {
        double[] gradient = results.get("gradient of " + parameter.name());
        squares += gradient == null ? 0 : Math.pow(Tolerance.norm(gradient), 2);
      }
      assertThat(plan.gradientNorm())
          .isCloseTo(Math.sqrt(squares), offset(1e-7 * Math.sqrt(squares)))
          .isPositive();
    }
  }
}
