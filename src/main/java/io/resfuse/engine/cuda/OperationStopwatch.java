package io.resfuse.engine.cuda;

import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.OperationTimer;
import io.resfuse.engine.cuda.internal.driver.Context;
import io.resfuse.engine.cuda.internal.driver.DeviceMemory;
import io.resfuse.engine.cuda.internal.driver.Graph;
import io.resfuse.engine.cuda.internal.driver.Stream;
import io.resfuse.engine.cuda.internal.program.Program;
import io.resfuse.engine.cuda.internal.program.Resources;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Times the kernels of single operations of a plan by the device's events, each run after its cache
 * was filled with something else. Not thread-safe.
 */
final class OperationStopwatch implements AutoCloseable {
  /** More than the cache of any GPU that there is. */
  private static final long CACHE_BYTES = 256L << 20;

  private final Context context;
  private final Stream stream;
  private final NetworkSpec network;
  private final List<Program.Step> steps;
  private final Resources resources = new Resources();
  private final Map<String, Graph> graphs = new HashMap<>();
  private @Nullable DeviceMemory other;

  /**
   * Takes note; allocates nothing.
   *
   * @param stream the plan's
   * @param network that it runs
   * @param steps of it
   */
  OperationStopwatch(
      Context context, Stream stream, NetworkSpec network, List<Program.Step> steps) {
    this.context = context;
    this.stream = stream;
    this.network = network;
    this.steps = List.copyOf(steps);
  }

  /** Runs the kernels of an operation once; in seconds. */
  double seconds(String operation) {
    DeviceMemory filler = other;
    if (filler == null) {
      filler = new DeviceMemory(context, CACHE_BYTES, "emptying the cache");
      resources.own(filler, filler::close);
      other = filler;
    }
    Graph graph = graphs.computeIfAbsent(operation, this::capture);
    stream.zero(filler, 0, CACHE_BYTES);
    return stream.milliseconds(graph) / 1e3;
  }

  private Graph capture(String operation) {
    List<Program.Step> chosen =
        OperationTimer.stepsOf(network, operation, steps, Program.Step::label);
    Graph graph = stream.capture(() -> chosen.forEach(step -> step.issue(stream)));
    return resources.own(graph, graph::close);
  }

  @Override
  public void close() {
    resources.close();
  }
}
