package io.resfuse.engine.onednn;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.resfuse.engine.Engine;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.Engines;
import io.resfuse.engine.InferencePlan;
import io.resfuse.engine.LoadedNetwork;
import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.PlanRequest;
import io.resfuse.engine.Precision;
import io.resfuse.model.Initializer;
import io.resfuse.model.ResNetConfig;
import java.io.File;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

/** What libgomp makes of being told how to wait, in processes of their own. */
@EnabledOnOs(OS.LINUX)
class GompWaitingTest {
  private static final int RUNS = 100;
  private static final int PAUSE_MILLIS = 4;

  @Test
  void threadsSleepBetweenRegionsWhenToldTo() throws Exception {
    assumeTrue(Runtime.getRuntime().availableProcessors() > 1, "one CPU has nobody to wait for");
    List<String> lines = child(Map.of("GOMP_SPINCOUNT", "300000"));
    assertThat(lines).as("%s", lines).hasSize(4);
    long spinning = Long.parseLong(lines.get(0));
    long sleeping = Long.parseLong(lines.get(1));
    long spinningAgain = Long.parseLong(lines.get(2));
    assertThat(sleeping).as("CPU time of pauses: %s", lines).isLessThan(spinning / 2);
    assertThat(spinningAgain).as("CPU time of pauses: %s", lines).isGreaterThan(2 * sleeping);
    assertThat(lines.get(3)).as("threads that are left of it").isEqualTo("0");
  }

  private static List<String> child(Map<String, String> environment)
      throws IOException, InterruptedException {
    ProcessBuilder builder =
        new ProcessBuilder(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-cp",
            System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")),
            GompWaitingTest.class.getName());
    builder.environment().putAll(environment);
    builder.redirectError(ProcessBuilder.Redirect.INHERIT);
    Process process = builder.start();
    String printed =
        new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip();
    assertThat(process.waitFor()).as(printed).isZero();
    return printed.lines().toList();
  }

  /**
   * Prints the CPU time in milliseconds of short parallel regions with pauses in between: as
   * libgomp comes, when told to sleep, and when told to spin; then how many threads more there are
   * than before.
   */
  public static void main(String[] arguments) throws Exception {
    NetworkSpec spec = ResNetConfig.of("resnet8").build();
    ExecutorService watcher = Executors.newSingleThreadExecutor();
    try (Engine engine = Engines.open("onednn", EngineOptions.defaults());
        LoadedNetwork network =
            engine.load(spec, Initializer.seeded(1).initialize(spec), Precision.FP32);
        InferencePlan plan = network.plan(PlanRequest.logits(1, 32))) {
      GompWaiting waiting = GompWaiting.find();
      int threads = EngineOptions.defaults().effectiveThreads();
      watcher.submit(() -> {}).get();
      pauses(plan);
      int before = threads();
      System.out.println(pauses(plan));
      watcher.submit(() -> waiting.sleep(threads)).get();
      System.out.println(pauses(plan));
      watcher.submit(waiting::spin).get();
      System.out.println(pauses(plan));
      System.out.println(threads() - before);
    } finally {
      watcher.shutdown();
    }
  }

  private static long pauses(InferencePlan plan) throws InterruptedException {
    long before = cpuNanos();
    for (int i = 0; i < RUNS; i++) {
      plan.run();
      Thread.sleep(PAUSE_MILLIS);
    }
    return (cpuNanos() - before) / 1_000_000;
  }

  private static long cpuNanos() {
    return ((com.sun.management.OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean())
        .getProcessCpuTime();
  }

  private static int threads() {
    return new File("/proc/self/task").list().length;
  }
}
