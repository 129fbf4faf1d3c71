package io.resfuse.engine.onednn;

import static org.assertj.core.api.Assertions.assertThat;
import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_SCRATCHPAD;
import static org.bytedeco.dnnl.global.dnnl.dnnl_memory_get_data_handle;
import static org.bytedeco.dnnl.global.dnnl.dnnl_memory_get_memory_desc;
import static org.bytedeco.dnnl.global.dnnl.dnnl_memory_set_data_handle;

import io.resfuse.engine.Engine;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.Engines;
import io.resfuse.engine.InferencePlan;
import io.resfuse.engine.LoadedNetwork;
import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.Optimizer;
import io.resfuse.engine.ParameterSpec;
import io.resfuse.engine.Parameters;
import io.resfuse.engine.PlanRequest;
import io.resfuse.engine.Precision;
import io.resfuse.engine.TestData;
import io.resfuse.engine.TrainingOptions;
import io.resfuse.engine.TrainingPlan;
import io.resfuse.model.ResNetConfig;
import io.resfuse.model.ResNetVariant;
import io.resfuse.model.ResNetVariant.BlockKind;
import io.resfuse.model.ResNetVariant.StemKind;
import io.resfuse.tensor.HostTensor;
import io.resfuse.tensor.TensorLayout;
import io.resfuse.verify.Tolerance;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Function;
import org.bytedeco.dnnl.dnnl_memory;
import org.bytedeco.dnnl.dnnl_memory_desc;
import org.bytedeco.javacpp.Pointer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;

/**
 * Plans with one mistake: a command left out, or two buffers of a command exchanged. The comparison
 * with the reference engine must notice each. Every plan has worked on other numbers before, so
 * that what a command would have written is stale where it is left out.
 */
class PlanMutantsTest {
  private static final int BATCH = 3;
  private static final int SIZE = 32;
  private static final int[] LABELS = {3, 10, 7};
  private static final String LOGITS = "logits";

  /** Relative, in the L2 norm; what is right is a hundred times nearer. */
  private static final double ALLOWED = 1e-4;

  /** It is the same in any order: mistakes that none can notice. */
  private static final String TERMS_OF_A_SUM =
      ".*: \\d+ (adding gradients of|accumulating) \\S+ with arguments 1 and 2 exchanged";

  private static final Engine engine = Engines.open("onednn", new EngineOptions(1, ""));
  private static final Engine reference = Engines.open("reference", EngineOptions.defaults());
  private static final NetworkSpec network = network();
  private static final Parameters parameters = TestData.parameters(network);
  private static final Parameters others = others();

  @AfterAll
  static void close() {
    engine.close();
    reference.close();
  }

  /** A stem with a pool, a block with a projection and one that halves the image. */
  private static NetworkSpec network() {
    ResNetVariant variant =
        new ResNetVariant(
            "two bottlenecks",
            BlockKind.BOTTLENECK,
            StemKind.IMAGENET,
            List.of(1, 1),
            List.of(16, 32),
            1,
            64,
            true);
    return ResNetConfig.of(variant).withClasses(11).build();
  }

  /** The same numbers the other way round. */
  private static Parameters others() {
    Map<String, HostTensor> tensors = new LinkedHashMap<>();
    for (ParameterSpec spec : network.parameters().values()) {
      float[] values = parameters.get(spec.name()).toArray();
      float[] reversed = new float[values.length];
      for (int i = 0; i < values.length; i++) {
        reversed[i] = values[values.length - 1 - i];
      }
      tensors.put(spec.name(), HostTensor.of(spec.shape(), reversed));
    }
    return new Parameters(network, tensors);
  }

  private static void images(String name, FloatBuffer input) {
    TestData.put(TestData.images(name, input.capacity()), input);
  }

  private static double[] doubles(FloatBuffer buffer) {
    double[] values = new double[buffer.capacity()];
    for (int i = 0; i < values.length; i++) {
      values[i] = buffer.get(i);
    }
    return values;
  }

  /** A mistake in a list of commands, by its name. */
  private record Mistake(String list, String name, Change change) {
    @Override
    public String toString() {
      return list + ": " + name;
    }
  }

  private interface Change {
    void make(Command[] commands);
  }

  /** All that there are in a list of commands. */
  private static List<Mistake> mistakes(String list, Command[] commands) {
    List<Mistake> mistakes = new ArrayList<>();
    for (int i = 0; i < commands.length; i++) {
      int index = i;
      String name = i + " " + commands[i];
      mistakes.add(
          new Mistake(
              list,
              name + " left out",
              changed -> changed[index] = new Command.Loop("nothing", null, () -> {})));
      if (commands[i] instanceof Command.Primitive primitive) {
        for (int[] pair : exchangeable(primitive)) {
          mistakes.add(
              new Mistake(
                  list,
                  name + " with arguments " + pair[0] + " and " + pair[1] + " exchanged",
                  changed -> exchange((Command.Primitive) changed[index], pair[0], pair[1])));
        }
      }
    }
    return mistakes;
  }

  /** Pairs of arguments of the same size in different places. */
  private static List<int[]> exchangeable(Command.Primitive primitive) {
    List<int[]> pairs = new ArrayList<>();
    Map<Integer, dnnl_memory> memories = primitive.memories();
    memories.forEach(
        (a, first) ->
            memories.forEach(
                (b, second) -> {
                  boolean scratch = a == DNNL_ARG_SCRATCHPAD || b == DNNL_ARG_SCRATCHPAD;
                  if (a < b
                      && !scratch
                      && bytes(first) == bytes(second)
                      && !address(first).equals(address(second))) {
                    pairs.add(new int[] {a, b});
                  }
                }));
    return pairs;
  }

  private static long bytes(dnnl_memory memory) {
    dnnl_memory_desc desc = new dnnl_memory_desc();
    Dnnl.check(dnnl_memory_get_memory_desc(memory, desc), "asking for a layout");
    return Dnnl.bytes(desc);
  }

  private static Pointer address(dnnl_memory memory) {
    Pointer address = new Pointer();
    Dnnl.check(dnnl_memory_get_data_handle(memory, address), "asking for an address");
    return address;
  }

  private static void exchange(Command.Primitive primitive, int a, int b) {
    dnnl_memory first = primitive.memories().get(a);
    dnnl_memory second = primitive.memories().get(b);
    Pointer address = address(first);
    Dnnl.check(dnnl_memory_set_data_handle(first, address(second)), "changing an address");
    Dnnl.check(dnnl_memory_set_data_handle(second, address), "changing an address");
  }

  /** Names of tensors that are too far from what is expected. */
  private static Set<String> misses(Map<String, double[]> got, Map<String, double[]> expected) {
    Set<String> misses = new TreeSet<>();
    expected.forEach(
        (tensor, values) -> {
          double off = Tolerance.distance(got.get(tensor), values);
          if (!(off <= ALLOWED * Tolerance.norm(values))) {
            misses.add(tensor);
          }
        });
    return misses;
  }

  /** Mistakes that change nothing; the right plan must be right. */
  private static List<String> survivors(
      List<Mistake> mistakes,
      Function<Mistake, Map<String, double[]>> run,
      Map<String, double[]> expected) {
    assertThat(misses(run.apply(new Mistake("", "none", commands -> {})), expected)).isEmpty();
    List<String> survivors = new ArrayList<>();
    for (Mistake mistake : mistakes) {
      if (misses(run.apply(mistake), expected).isEmpty()) {
        survivors.add(mistake.toString());
      }
    }
    return survivors;
  }

  private static Map<String, double[]> infer(InferencePlan plan) {
    images("others", plan.input());
    plan.run();
    images("images", plan.input());
    plan.run();
    return Map.of(LOGITS, doubles(plan.output(LOGITS)));
  }

  private static Map<String, double[]> inference(
      Engine side, Precision precision, Function<InferencePlan, Command[]> lists, Mistake mistake) {
    PlanRequest request = new PlanRequest(BATCH, SIZE, SIZE, TensorLayout.NCHW, Set.of(LOGITS));
    try (LoadedNetwork loaded = side.load(network, parameters, precision);
        InferencePlan plan = loaded.plan(request)) {
      mistake.change().make(lists.apply(plan));
      return infer(plan);
    }
  }

  @Test
  void everyCommandOfInferenceCounts() {
    Map<String, double[]> expected =
        inference(
            reference,
            Precision.FP64,
            plan -> new Command[0],
            new Mistake("", "none", commands -> {}));
    List<Mistake> mistakes = new ArrayList<>();
    inference(
        engine,
        Precision.FP32,
        plan -> {
          mistakes.addAll(mistakes("inference", ((OneDnnInferencePlan) plan).commands));
          return new Command[0];
        },
        new Mistake("", "none", commands -> {}));
    assertThat(mistakes).hasSizeGreaterThan(12);
    List<String> survivors =
        survivors(
            mistakes,
            mistake ->
                inference(
                    engine, Precision.FP32, plan -> ((OneDnnInferencePlan) plan).commands, mistake),
            expected);
    assertThat(survivors).isEmpty();
  }

  private static TrainingOptions options(Precision precision) {
    return new TrainingOptions(
        BATCH,
        SIZE,
        SIZE,
        TensorLayout.NCHW,
        precision,
        Set.of(LOGITS),
        Set.of(),
        true,
        Optimizer.Sgd.standard());
  }

  /**
   * Two batches added up, an update, and evaluations before and after, after the same on others.
   */
  private static Map<String, double[]> train(TrainingPlan plan) {
    step(plan, others, "others");
    return step(plan, parameters, "images");
  }

  private static Map<String, double[]> step(TrainingPlan plan, Parameters start, String name) {
    Map<String, double[]> results = new LinkedHashMap<>();
    plan.writeParameters(start);
    images(name, plan.input());
    plan.evaluate();
    results.put("evaluation", doubles(plan.output(LOGITS)));
    for (boolean second : new boolean[] {false, true}) {
      images(name + second, plan.input());
      plan.forward();
      results.put("output " + second, doubles(plan.output(LOGITS)));
      plan.softmaxCrossEntropy(LABELS, 0.1);
      plan.backward(second);
      results.put("input gradient " + second, doubles(plan.inputGradient()));
      for (ParameterSpec spec : network.parameters().values()) {
        if (spec.isTrainable()) {
          HostTensor gradient = HostTensor.zeros(spec.shape());
          plan.readGradient(spec.name(), gradient);
          results.put("gradient " + second + " " + spec.name(), doubles(gradient.buffer()));
        }
      }
    }
    plan.update(0.1, 0.5);
    Parameters after = Parameters.zeros(network);
    plan.readParameters(after);
    after.asMap().forEach((parameter, value) -> results.put(parameter, doubles(value.buffer())));
    plan.evaluate();
    results.put("evaluation after", doubles(plan.output(LOGITS)));
    return results;
  }

  private static Map<String, Command[]> lists(OneDnnTrainingPlan plan) {
    Map<String, Command[]> lists = new LinkedHashMap<>();
    lists.put("packing", plan.packing);
    lists.put("forward", plan.forward);
    lists.put("evaluation", plan.evaluation);
    lists.put("backward", plan.backward);
    lists.put("accumulation", plan.accumulation);
    return lists;
  }

  private static Map<String, double[]> trainWith(Mistake mistake) {
    try (TrainingPlan plan = engine.planTraining(network, parameters, options(Precision.FP32))) {
      Command[] list = lists((OneDnnTrainingPlan) plan).get(mistake.list());
      if (list != null) {
        mistake.change().make(list);
      }
      return train(plan);
    }
  }

  @Test
  void everyCommandOfTrainingCounts() {
    Map<String, double[]> expected;
    try (TrainingPlan plan = reference.planTraining(network, parameters, options(Precision.FP64))) {
      expected = train(plan);
    }
    List<Mistake> mistakes = new ArrayList<>();
    try (TrainingPlan plan = engine.planTraining(network, parameters, options(Precision.FP32))) {
      lists((OneDnnTrainingPlan) plan)
          .forEach((name, commands) -> mistakes.addAll(mistakes(name, commands)));
    }
    assertThat(mistakes).hasSizeGreaterThan(100);
    List<String> survivors = survivors(mistakes, PlanMutantsTest::trainWith, expected);
    assertThat(survivors).isNotEmpty().allMatch(name -> name.matches(TERMS_OF_A_SUM));
  }
}
