package io.resfuse.engine.cuda.internal.program;

import io.resfuse.engine.cuda.internal.driver.Context;
import io.resfuse.engine.cuda.internal.driver.DeviceMemory;
import io.resfuse.engine.cuda.internal.driver.Graph;
import io.resfuse.engine.cuda.internal.driver.Stream;
import java.util.List;
import java.util.Map;

/**
 * Times work on the device by its events, in milliseconds: the least of some rounds, each a graph
 * of the work several times over, so that starting launches is not what is timed. Operands are
 * zeros, and partly still in the cache from the repetition before. Thread-safe.
 */
public final class DeviceStopwatch implements WorkTimer {
  private static final int REPETITIONS = 8;
  private static final int ROUNDS = 3;

  private final Context context;

  public DeviceStopwatch(Context context) {
    this.context = context;
  }

  /**
   * Times a program on memory of its own.
   *
   * @param program whose timeline is planned here
   * @param kept what it needs beside its timeline
   */
  public double milliseconds(Program program, Region kept) {
    Timeline timeline = program.timeline();
    timeline.plan();
    try (Resources resources = new Resources()) {
      Stream stream = new Stream(context);
      resources.own(stream, stream::close);
      Map<Buffer.Kind, DeviceMemory> memories =
          PlanMemories.allocate(
              context,
              resources,
              "timing launches",
              timeline.activationBytes(),
              timeline.workspaceBytes(),
              kept.bytes());
      memories.get(Buffer.Kind.ACTIVATIONS).fill(0);
      List<Program.Step> steps = program.bind(new Binding(memories, false));
      return least(stream, () -> steps.forEach(step -> step.issue(stream)));
    }
  }

  /** Libraries load kernels at their first use, which cannot be recorded. */
  @Override
  public double milliseconds(long[] bytes, Work work) {
    try (Resources resources = new Resources()) {
      Stream stream = new Stream(context);
      resources.own(stream, stream::close);
      long[] operands = new long[bytes.length];
      for (int i = 0; i < bytes.length; i++) {
        DeviceMemory memory = new DeviceMemory(context, bytes[i], "timing a library");
        resources.own(memory, memory::close);
        memory.fill(0);
        operands[i] = memory.address();
      }
      work.start(stream, operands);
      stream.synchronize("trying what a library can do");
      return least(stream, () -> work.start(stream, operands));
    }
  }

  /** The milliseconds that work takes, one run of several in a row. */
  public static double leastPerRun(Stream stream, Runnable work) {
    return least(stream, work) / REPETITIONS;
  }

  private static double least(Stream stream, Runnable work) {
    Runnable repeated =
        () -> {
          for (int i = 0; i < REPETITIONS; i++) {
            work.run();
          }
        };
    try (Graph graph = stream.capture(repeated)) {
      double least = Double.POSITIVE_INFINITY;
      stream.milliseconds(graph);
      for (int round = 0; round < ROUNDS; round++) {
        least = Math.min(least, stream.milliseconds(graph));
      }
      return least;
    }
  }
}
