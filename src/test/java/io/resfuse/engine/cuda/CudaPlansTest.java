package io.resfuse.engine.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.management.ThreadMXBean;
import io.resfuse.engine.Engine;
import io.resfuse.engine.EngineException;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.EngineProvider.Availability;
import io.resfuse.engine.Engines;
import io.resfuse.engine.InferencePlan;
import io.resfuse.engine.LoadedNetwork;
import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.Optimizer;
import io.resfuse.engine.Parameters;
import io.resfuse.engine.PlanRequest;
import io.resfuse.engine.Precision;
import io.resfuse.engine.TestData;
import io.resfuse.engine.TrainingOptions;
import io.resfuse.engine.TrainingPlan;
import io.resfuse.engine.cuda.internal.driver.Context;
import io.resfuse.engine.cuda.internal.driver.DeviceMemory;
import io.resfuse.engine.cuda.internal.driver.Driver;
import io.resfuse.engine.cuda.internal.driver.Geometry;
import io.resfuse.engine.cuda.internal.driver.Stream;
import io.resfuse.engine.cuda.internal.kernels.Cast;
import io.resfuse.engine.cuda.internal.kernels.ElementType;
import io.resfuse.engine.cuda.internal.kernels.KernelLibrary;
import io.resfuse.engine.cuda.internal.program.Binding;
import io.resfuse.engine.cuda.internal.program.Buffer;
import io.resfuse.engine.cuda.internal.program.Pass;
import io.resfuse.engine.cuda.internal.program.Program;
import io.resfuse.engine.cuda.internal.program.Timeline;
import io.resfuse.model.ResNetConfig;
import io.resfuse.platform.Settings;
import io.resfuse.tensor.TensorLayout;
import java.lang.management.ManagementFactory;
import java.nio.FloatBuffer;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What {@link CudaEngineTest} does not cover: leaks, allocation, memory that is short, faults. */
@ExtendWith(SoftCudaExtension.class)
class CudaPlansTest {
  private static final NetworkSpec network = ResNetConfig.of("resnet20").build();
  private static final Parameters parameters = TestData.parameters(network);
  private static final int[] LABELS = {3, -1};

  private long live;

  private static Engine open() {
    return Engines.open("cuda", new EngineOptions(2, "softcuda"));
  }

  @BeforeEach
  void countObjects() {
    live = Context.liveObjects();
  }

  @AfterEach
  void nothingLeaks() {
    assertThat(Context.liveObjects()).isEqualTo(live);
  }

  @Test
  void plansShareWeightsAndOutliveTheNetwork() {
    try (Engine engine = open()) {
      LoadedNetwork loaded = engine.load(network, parameters, Precision.FP16);
      InferencePlan one = loaded.plan(PlanRequest.logits(1, 32));
      long before = Context.liveObjects();
      InferencePlan two = loaded.plan(PlanRequest.logits(1, 32));
      // A stream, activations, workspace, what it keeps, two host buffers, a graph.
      assertThat(Context.liveObjects()).isEqualTo(before + 7);
      loaded.close();
      FloatBuffer output = one.output("logits");
      one.close();
      // Still memory that exists.
      output.put(0, 1);
      two.run();
      two.close();
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = Precision.class,
      names = {"FP32", "FP16"})
  void runningAllocatesNothing(Precision precision) {
    try (Engine engine = open();
        LoadedNetwork loaded = engine.load(network, parameters, precision);
        InferencePlan plan = loaded.plan(PlanRequest.logits(1, 32));
        TrainingPlan training =
            engine.planTraining(network, parameters, TrainingOptions.standard(2, 32, precision))) {
      FloatBuffer targets = FloatBuffer.allocate(20);
      assertThat(allocatedBy(plan::run, 10)).isLessThan(256);
      assertThat(
              allocatedBy(
                  () -> {
                    training.forward();
                    training.softmaxCrossEntropy(LABELS, 0.1);
                    training.softmaxCrossEntropy(targets);
                    training.backward(false);
                    training.update(0, 1);
                    training.evaluate();
                  },
                  3))
          .isLessThan(256);
    }
  }

  /** So many pixels that each block of a convolution computes two tiles of statistics. */
  @Test
  void statisticsOfManyPixelsAreThoseOfAnotherEngine() {
    NetworkSpec stage = network.restrictedTo(Set.of("c2"));
    float[] ours = trainingForward("cuda", "softcuda", stage);
    float[] theirs = trainingForward("onednn", "", stage);
    double difference = 0;
    double norm = 0;
    for (int i = 0; i < ours.length; i++) {
      difference += Math.pow(ours[i] - theirs[i], 2);
      norm += Math.pow(theirs[i], 2);
    }
    assertThat(Math.sqrt(difference / norm)).isLessThan(1e-5);
  }

  private static float[] trainingForward(String name, String device, NetworkSpec stage) {
    int batch = 223;
    TrainingOptions options =
        new TrainingOptions(
            batch,
            32,
            32,
            TensorLayout.NCHW,
            Precision.FP32,
            Set.of("c2"),
            Set.of(),
            false,
            Optimizer.Sgd.standard());
    try (Engine engine = Engines.open(name, new EngineOptions(2, device));
        TrainingPlan plan = engine.planTraining(stage, TestData.parameters(stage), options)) {
      TestData.put(TestData.images("many", batch * 3 * 32 * 32), plan.input());
      plan.forward();
      FloatBuffer output = plan.output("c2");
      float[] values = new float[output.remaining()];
      output.get(values);
      return values;
    }
  }

  /** Bytes on the heap of the calling thread in some runs, after a few others. */
  private static long allocatedBy(Runnable run, int runs) {
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    for (int i = 0; i < 3; i++) {
      run.run();
    }
    long before = threads.getCurrentThreadAllocatedBytes();
    for (int i = 0; i < runs; i++) {
      run.run();
    }
    return threads.getCurrentThreadAllocatedBytes() - before;
  }

  @Test
  void plansThatDoNotFitSayWhatTheyNeedAndWhatIsFree() {
    NetworkSpec large = ResNetConfig.of("resnet50").build();
    Parameters zeros = Parameters.zeros(large);
    try (Engine engine = open();
        LoadedNetwork loaded = engine.load(large, zeros, Precision.FP16)) {
      long before = Context.liveObjects();
      assertThatThrownBy(() -> loaded.plan(PlanRequest.logits(32768, 224)))
          .isInstanceOf(EngineException.class)
          .hasMessageContaining("a plan of resnet50 for 32768 images of 224x224 needs")
          .hasMessageContaining("MiB are free")
          .hasMessageContaining("use a smaller batch");
      assertThatThrownBy(
              () ->
                  engine.planTraining(
                      large, zeros, TrainingOptions.standard(4096, 224, Precision.FP16)))
          .isInstanceOf(EngineException.class)
          .hasMessageContaining("training resnet50 with 4096 images of 224x224 needs")
          .hasMessageContaining("MiB are free");
      assertThat(Context.liveObjects()).as("nothing stays behind").isEqualTo(before);
    }
  }

  /** A kernel that writes past its buffer, as a pass with a wrong size would. */
  @Test
  void aFaultNamesKernelAndArgumentsAndLeavesTheJvmAlive() {
    Context context = new Context(Driver.devices().get(0));
    KernelLibrary kernels = new KernelLibrary(context);
    Stream stream = new Stream(context);
    DeviceMemory memory = new DeviceMemory(context, 4096, "the test");
    Program program = new Program(new Timeline());
    program.launch(
        () -> kernels.get("cast", ElementType.F16, Cast.class),
        "the culprit",
        Geometry.linear(2, 256),
        at -> new Cast(memory.address(), memory.address(), 2048));
    Pass pass =
        new Pass(
            "running a test",
            stream,
            program.bind(new Binding(java.util.Map.of(Buffer.Kind.PLAN, memory), false)));
    assertThatThrownBy(pass::run)
        .isInstanceOf(EngineException.class)
        .hasMessageStartingWith("CUDA_ERROR_ILLEGAL_ADDRESS while running a test")
        .hasMessageContaining("kernel cast_f16, block")
        .hasMessageContaining("perhaps in cast_f16 for the culprit")
        .hasMessageContaining("elements 0x800");
    assertThatThrownBy(pass::run).hasMessageContaining("open the engine anew");
    for (AutoCloseable each : List.of(pass, memory, stream, kernels, context)) {
      closeQuietly(each);
    }
    // Another engine is sound.
    try (Engine engine = open();
        LoadedNetwork loaded = engine.load(network, parameters, Precision.FP32);
        InferencePlan plan = loaded.plan(PlanRequest.logits(1, 32))) {
      plan.run();
      assertThat(plan.output("logits").get(0)).isFinite();
    }
  }

  private static void closeQuietly(AutoCloseable closeable) {
    try {
      closeable.close();
    } catch (Exception e) {
      throw new AssertionError("closing after a fault must work", e);
    }
  }

  @Test
  void stepByStepGivesTheSameBits() {
    try (Engine engine = open();
        LoadedNetwork loaded = engine.load(network, parameters, Precision.BF16)) {
      float[] graph = logits(loaded);
      System.setProperty(Settings.CUDA_SYNC.key(), "true");
      try {
        assertThat(logits(loaded)).isEqualTo(graph);
      } finally {
        System.clearProperty(Settings.CUDA_SYNC.key());
      }
    }
  }

  private static float[] logits(LoadedNetwork loaded) {
    try (InferencePlan plan = loaded.plan(PlanRequest.logits(1, 32))) {
      TestData.put(TestData.images("steps", 3 * 32 * 32), plan.input());
      plan.run();
      float[] logits = new float[10];
      plan.output("logits").get(0, logits);
      return logits;
    }
  }

  @Test
  void softcudaIsForThoseWhoAskForIt() {
    CudaProvider provider = new CudaProvider();
    Availability unnamed = provider.probe(EngineOptions.defaults());
    assertThat(unnamed.available()).isFalse();
    assertThat(provider.probe(new EngineOptions(0, "softcuda")).available()).isTrue();
    try (Engine engine = Engines.open("auto", EngineOptions.defaults())) {
      assertThat(engine.name()).isNotEqualTo("cuda");
    }
    try (Engine engine = Engines.open("cuda", EngineOptions.defaults())) {
      assertThat(engine.description()).contains("softcuda");
      assertThatThrownBy(() -> engine.load(network, parameters, Precision.FP64))
          .hasMessageContaining("fp64");
    }
  }
}
