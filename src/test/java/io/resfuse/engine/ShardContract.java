package io.resfuse.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.resfuse.engine.spi.DeviceGroup;
import io.resfuse.model.ResNetConfig;
import io.resfuse.model.ResNetVariant;
import io.resfuse.tensor.HostTensor;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What a training in shards promises: the same bits on any number of devices. */
public abstract class ShardContract {
  private static final int SIZE = 8;
  private static final int BATCH = 8;
  private static final int SHARDS = 4;

  private final NetworkSpec network = ResNetConfig.of(ResNetVariant.cifar(8, true)).build();
  private final Parameters parameters = TestData.parameters(network);
  private final int classes = network.output("logits").channels();
  private final int imageLength = network.input().channels() * SIZE * SIZE;
  private long before;

  /** An engine for a device. */
  protected abstract Engine open(int device);

  /** What this process holds of what the engine allocates. */
  protected abstract long live();

  /** In which trainings are compared. */
  protected List<Precision> precisions() {
    return List.of(Precision.FP32);
  }

  /** By how many processes, threads here, trainings are run. */
  protected List<Integer> processes() {
    return List.of(2, 4);
  }

  @BeforeEach
  final void count() {
    before = live();
  }

  @AfterEach
  final void nothingIsLeft() {
    assertThat(live()).isEqualTo(before);
  }

  private DeviceGroup group(int devices) {
    List<Engine> engines = new ArrayList<>();
    for (int d = 0; d < devices; d++) {
      engines.add(open(d));
    }
    return new DeviceGroup(engines);
  }

  private static TrainingOptions options(Precision precision) {
    return TrainingOptions.standard(BATCH, SIZE, precision).withOptimizer(optimizer());
  }

  private static Optimizer optimizer() {
    return new Optimizer.Sgd(0.9, true, 1e-3, Map.of());
  }

  private float[] images(int step) {
    return TestData.images("images of step " + step, BATCH * imageLength);
  }

  /** One of them does not count. */
  private int[] labels(int step) {
    int[] labels = TestData.labels("labels of step " + step, BATCH, classes);
    labels[(3 * step + 1) % BATCH] = -1;
    return labels;
  }

  private void pass(TrainingPlan plan, int step, boolean accumulate, Trace trace) {
    int size = plan.options().batch();
    int begin = trace.processes.rank() * size;
    TestData.put(
        Arrays.copyOfRange(images(step), begin * imageLength, (begin + size) * imageLength),
        plan.input());
    plan.forward();
    trace.addPart("logits", plan.output("logits"));
    trace.losses.add(
        plan.softmaxCrossEntropy(Arrays.copyOfRange(labels(step), begin, begin + size), 0.1));
    plan.backward(accumulate);
  }

  /** All that a training shows. */
  private static final class Trace {
    final Communicator processes;
    final List<Double> losses = new ArrayList<>();
    final Map<String, float[]> arrays = new LinkedHashMap<>();
    final Map<String, float[]> parts = new LinkedHashMap<>();

    Trace() {
      this(Communicator.ALONE);
    }

    Trace(Communicator processes) {
      this.processes = processes;
    }

    /** What a process has its part of. */
    void addPart(String name, FloatBuffer values) {
      float[] copy = new float[values.capacity()];
      values.get(0, copy);
      parts.put(name + " " + parts.size(), copy);
    }

    void add(String name, HostTensor tensor) {
      arrays.put(name + " " + arrays.size(), tensor.toArray());
    }

    void hold(Trace expected, String where) {
      assertThat(losses).as("%s: losses", where).containsExactlyElementsOf(expected.losses);
      assertThat(arrays.keySet()).containsExactlyElementsOf(expected.arrays.keySet());
      arrays.forEach(
          (name, values) ->
              assertThat(values)
                  .as("%s: %s", where, name)
                  .usingElementComparator((a, b) -> Integer.compare(bits(a), bits(b)))
                  .containsExactly(expected.arrays.get(name)));
      parts.forEach(
          (name, values) -> {
            int begin = values.length * processes.rank();
            float[] whole = expected.parts.get(name);
            assertThat(values)
                .as("%s: %s", where, name)
                .usingElementComparator((a, b) -> Integer.compare(bits(a), bits(b)))
                .containsExactly(Arrays.copyOfRange(whole, begin, begin + values.length));
          });
    }

    private static int bits(float value) {
      return Float.floatToIntBits(value);
    }
  }

  /** Steps with clipping, of one batch or of two, with looks at gradients in between. */
  private void steps(TrainingPlan plan, int from, int to, Trace trace) {
    for (int step = from; step < to; step++) {
      pass(plan, 10 * step, false, trace);
      if (step % 3 == 1) {
        HostTensor gradient = HostTensor.zeros(network.parameters().get("fc.weight").shape());
        plan.readGradient("fc.weight", gradient);
        trace.add("gradient", gradient);
      }
      if (step > 0) {
        pass(plan, 10 * step + 1, true, trace);
      }
      double norm = plan.gradientNorm();
      trace.losses.add(norm);
      plan.update(0.05, Math.min(1, 0.5 / norm));
    }
  }

  private void finish(TrainingPlan plan, Trace trace) {
    Parameters values = Parameters.zeros(network);
    plan.readParameters(values);
    values.asMap().forEach(trace::add);
    plan.readOptimizerState().forEach(trace::add);
    plan.evaluate();
    trace.addPart("evaluation", plan.output("logits"));
  }

  private Trace train(int devices, Precision precision) {
    Trace trace = new Trace();
    try (DeviceGroup group = group(devices);
        TrainingPlan plan = group.planTraining(network, parameters, options(precision), SHARDS)) {
      assertThat(plan.memory().total()).isPositive();
      steps(plan, 0, 3, trace);
      finish(plan, trace);
    }
    return trace;
  }

  @Test
  void theSameBitsOnAnyNumberOfDevices() {
    for (Precision precision : precisions()) {
      Trace one = train(1, precision);
      assertThat(one.losses).allMatch(Double::isFinite);
      for (int devices : new int[] {2, 4}) {
        train(devices, precision).hold(one, devices + " devices in " + precision);
      }
    }
  }

  /** Processes are threads here, each with devices of its own: two with two each, four with one. */
  @Test
  void theSameBitsInSeveralProcesses() {
    Trace one = train(1, Precision.FP32);
    for (int count : processes()) {
      List<Trace> traces = Processes.run(count, processes -> train(processes, SHARDS / count));
      for (int rank = 0; rank < count; rank++) {
        traces.get(rank).hold(one, "process " + rank + " of " + count);
      }
    }
  }

  private Trace train(Communicator processes, int devices) {
    Trace trace = new Trace(processes);
    List<Engine> engines = new ArrayList<>();
    for (int d = 0; d < devices; d++) {
      engines.add(open(processes.rank() * devices + d));
    }
    try (DeviceGroup group = new DeviceGroup(engines);
        TrainingPlan plan =
            group.planTraining(
                network,
                parameters,
                options(Precision.FP32).withBatch(BATCH / processes.size()),
                new Sharding(SHARDS, processes))) {
      steps(plan, 0, 3, trace);
      finish(plan, trace);
    }
    return trace;
  }

  /**
   * Of G bytes of gradients each of N processes sends 2 G (N - 1) / N, of the running statistics as
   * much for their size, and two numbers of 8 bytes per shard to each other for the loss.
   */
  @Test
  void processesSendNoMoreThanTheyMust() {
    long floats = network.parameters().values().stream().mapToLong(p -> p.shape().elements()).sum();
    for (int count : processes()) {
      List<Long> sent =
          Processes.run(
              count,
              processes -> {
                try (Engine engine = open(processes.rank());
                    TrainingPlan plan =
                        engine.planTraining(
                            network,
                            parameters,
                            options(Precision.FP32).withBatch(BATCH / count),
                            new Sharding(SHARDS, processes))) {
                  pass(plan, 0, false, new Trace(processes));
                  plan.update(0.1, 1);
                  plan.gradientNorm();
                }
                return processes.bytes();
              });
      long losses = 16L * SHARDS / count * (count - 1);
      long sum = sent.stream().mapToLong(Long::longValue).sum();
      assertThat(sum).isEqualTo(count * losses + 2 * Float.BYTES * floats * (count - 1));
      // Parts differ by a float where they do not divide evenly, of gradients and of statistics.
      long least = 2L * Float.BYTES * floats * (count - 1) / count + losses;
      assertThat(sent).allSatisfy(bytes -> assertThat(bytes).isBetween(least - 64, least + 64));
    }
  }

  /** State that was read on four devices goes on on one and on two. */
  @Test
  void goesOnOnAnotherNumberOfDevices() {
    Trace whole = new Trace();
    Parameters values = Parameters.zeros(network);
    Map<String, HostTensor> state;
    try (DeviceGroup group = group(4);
        TrainingPlan plan =
            group.planTraining(network, parameters, options(Precision.FP32), SHARDS)) {
      steps(plan, 0, 1, new Trace());
      plan.readParameters(values);
      state = plan.readOptimizerState();
      // The reference engine's state has more bits than are read.
      plan.writeParameters(values);
      plan.writeOptimizerState(state);
      steps(plan, 1, 2, whole);
      finish(plan, whole);
    }
    for (int devices : new int[] {1, 2}) {
      Trace second = new Trace();
      try (DeviceGroup group = group(devices);
          TrainingPlan plan =
              group.planTraining(network, parameters, options(Precision.FP32), SHARDS)) {
        plan.writeParameters(values);
        plan.writeOptimizerState(state);
        steps(plan, 1, 2, second);
        finish(plan, second);
      }
      second.hold(whole, "resumed on " + devices);
    }
  }

  private static float[] sum(List<float[]> parts) {
    if (parts.size() == 1) {
      return parts.get(0).clone();
    }
    float[] left = sum(parts.subList(0, parts.size() / 2));
    float[] right = sum(parts.subList(parts.size() / 2, parts.size()));
    for (int i = 0; i < left.length; i++) {
      left[i] += right[i];
    }
    return left;
  }

  /** What the shards' plans give one by one, added by the tree, is what they give together. */
  @Test
  void isTheSumOfItsShards() {
    int size = BATCH / SHARDS;
    int[] labels = labels(0);
    long countedOfAll = Arrays.stream(labels).filter(label -> label >= 0).count();
    List<Double> losses = new ArrayList<>();
    Map<String, List<float[]>> gradients = new LinkedHashMap<>();
    Map<String, List<float[]>> statistics = new LinkedHashMap<>();
    try (Engine engine = open(0)) {
      for (int s = 0; s < SHARDS; s++) {
        int[] mine = Arrays.copyOfRange(labels, s * size, (s + 1) * size);
        long counted = Arrays.stream(mine).filter(label -> label >= 0).count();
        double weight = counted / (double) countedOfAll;
        try (TrainingPlan plan =
            engine.planTraining(network, parameters, options(Precision.FP32).withBatch(size))) {
          int floats = size * imageLength;
          TestData.put(Arrays.copyOfRange(images(0), s * floats, (s + 1) * floats), plan.input());
          plan.forward();
          losses.add(weight * plan.softmaxCrossEntropy(mine, 0.1));
          FloatBuffer gradient = plan.outputGradient("logits");
          for (int i = 0; i < gradient.capacity(); i++) {
            gradient.put(i, (float) weight * gradient.get(i));
          }
          plan.backward(false);
          read(plan, gradients, statistics);
        }
      }
    }
    Map<String, List<float[]>> together = new LinkedHashMap<>();
    Map<String, List<float[]>> moved = new LinkedHashMap<>();
    try (DeviceGroup group = group(2);
        TrainingPlan plan =
            group.planTraining(network, parameters, options(Precision.FP32), SHARDS)) {
      TestData.put(images(0), plan.input());
      plan.forward();
      assertThat(plan.softmaxCrossEntropy(labels, 0.1))
          .isEqualTo((losses.get(0) + losses.get(1)) + (losses.get(2) + losses.get(3)));
      plan.backward(false);
      read(plan, together, moved);
    }
    assertThat(gradients).isNotEmpty();
    gradients.forEach(
        (name, parts) ->
            assertThat(together.get(name).get(0)).as(name).containsExactly(sum(parts)));
    assertThat(statistics).isNotEmpty();
    statistics.forEach(
        (name, parts) -> {
          float[] mean = sum(parts);
          for (int i = 0; i < mean.length; i++) {
            mean[i] /= SHARDS;
          }
          assertThat(moved.get(name).get(0)).as(name).containsExactly(mean);
        });
  }

  private void read(
      TrainingPlan plan,
      Map<String, List<float[]>> gradients,
      Map<String, List<float[]>> statistics) {
    Parameters values = Parameters.zeros(network);
    plan.readParameters(values);
    for (ParameterSpec parameter : network.parameters().values()) {
      if (parameter.isTrainable()) {
        HostTensor gradient = HostTensor.zeros(parameter.shape());
        plan.readGradient(parameter.name(), gradient);
        add(gradients, parameter, gradient);
      } else {
        add(statistics, parameter, values.get(parameter));
      }
    }
  }

  private static void add(
      Map<String, List<float[]>> to, ParameterSpec parameter, HostTensor tensor) {
    to.computeIfAbsent(parameter.name(), name -> new ArrayList<>()).add(tensor.toArray());
  }

  @Test
  void refusesWhatDoesNotFit() {
    try (DeviceGroup three = group(3)) {
      refuses(three, 8, 4, "3 devices cannot share 4 shards evenly", "1, 2, 4, ...");
      refuses(three, 8, 3, "3 shards were asked for", "1, 2, 4, 8");
      refuses(three, 10, 4, "a batch of 10 images cannot be cut into 4 shards", "multiple of 4");
      refuses(three, 2, 4, "a batch of 2 images cannot be cut into 4 shards", "fewer shards");
    }
    try (Engine one = open(0)) {
      Communicator eight =
          Processes.run(8, member -> (Communicator) member).get(7); // of which none is called
      assertThatThrownBy(
              () ->
                  one.planTraining(
                      network,
                      parameters,
                      options(Precision.FP32).withBatch(1),
                      new Sharding(4, eight)))
          .isInstanceOf(EngineException.class)
          .hasMessageContaining("8 processes cannot share 4 shards evenly");
    }
    try (DeviceGroup two = group(2)) {
      refuses(two, 8, 1, "2 devices cannot share 1 shard evenly", "--shards");
      assertThatThrownBy(() -> two.planTraining(network, parameters, options(Precision.FP32)))
          .isInstanceOf(EngineException.class)
          .hasMessageContaining("this runs on one device, 2 were chosen");
    }
  }

  private void refuses(DeviceGroup group, int batch, int shards, String found, String remedy) {
    assertThatThrownBy(
            () ->
                group.planTraining(
                    network, parameters, options(Precision.FP32).withBatch(batch), shards))
        .isInstanceOf(EngineException.class)
        .message()
        .contains(found, remedy)
        .doesNotContain("\n");
  }

  /** Each part of a batch is what its device alone makes of it. */
  @Test
  void inferenceIsThatOfTheParts() {
    float[] images = images(0);
    try (DeviceGroup group = group(3);
        LoadedNetwork together = group.load(network, parameters, Precision.FP32);
        InferencePlan whole = together.plan(PlanRequest.logits(7, SIZE));
        InferencePlan single = together.plan(PlanRequest.logits(1, SIZE));
        Engine engine = open(0);
        LoadedNetwork alone = engine.load(network, parameters, Precision.FP32)) {
      assertThat(together.memory(whole.request()).total()).isEqualTo(whole.memory().total());
      whole.input().put(0, images, 0, 7 * imageLength);
      whole.run();
      int first = 0;
      for (int part : new int[] {3, 2, 2}) {
        hold(alone, part, first, images, whole.output("logits"), first);
        first += part;
      }
      single.input().put(0, images, 0, imageLength);
      single.run();
      hold(alone, 1, 0, images, single.output("logits"), 0);
    }
  }

  private void hold(
      LoadedNetwork alone, int batch, int first, float[] images, FloatBuffer logits, int at) {
    try (InferencePlan plan = alone.plan(PlanRequest.logits(batch, SIZE))) {
      plan.input().put(0, images, first * imageLength, batch * imageLength);
      plan.run();
      float[] expected = new float[batch * classes];
      plan.output("logits").get(0, expected);
      float[] actual = new float[batch * classes];
      logits.get(at * classes, actual);
      assertThat(actual).containsExactly(expected);
    }
  }
}
