package io.resfuse.engine.cuda.internal.program;

import io.resfuse.engine.EngineException;
import io.resfuse.engine.cuda.internal.driver.Graph;
import io.resfuse.engine.cuda.internal.driver.Launch;
import io.resfuse.engine.cuda.internal.driver.Stream;
import io.resfuse.platform.Settings;
import java.util.List;
import java.util.Objects;
import java.util.stream.Collectors;

/**
 * A bound program that runs with one call: captured in a graph when it is first run. With the
 * setting {@link Settings#CUDA_SYNC} its steps run one by one instead, so that a fault names the
 * step that it is in. Not thread-safe.
 */
public final class Pass implements AutoCloseable {
  private static final int MOST_SUSPECTS = 4;

  private final String doing;
  private final Stream stream;
  private final List<Program.Step> steps;
  private final @org.jspecify.annotations.Nullable Graph graph;
  private boolean started;

  /**
   * Captures the steps.
   *
   * @param doing for messages: {@code running resnet50}
   * @param stream where it runs
   * @param steps in their order
   */
  public Pass(String doing, Stream stream, List<Program.Step> steps) {
    this.doing = doing;
    this.stream = stream;
    this.steps = steps;
    this.graph =
        Boolean.parseBoolean(Settings.CUDA_SYNC.value().orElse("false")) || steps.isEmpty()
            ? null
            : stream.capture(() -> steps.forEach(step -> step.issue(stream)));
  }

  /** Runs steps once that are not recorded yet. */
  public static void warmUp(String doing, Stream stream, List<Program.Step> steps) {
    steps.forEach(step -> step.issue(stream));
    stream.synchronize(doing);
  }

  /** Starts it. */
  public void start() {
    if (graph != null) {
      stream.launch(graph);
      noteRun();
    } else {
      for (Program.Step step : steps) {
        step.issue(stream);
        stream.synchronize(doing + ": " + step);
      }
    }
  }

  /** The kernels of a graph have run when it was first started. */
  private void noteRun() {
    if (!started) {
      started = true;
      launches().forEach(launch -> launch.kernel().noteRun());
    }
  }

  /** Starts it and waits until it is done. */
  public void run() {
    start();
    try {
      stream.synchronize(doing);
    } catch (EngineException e) {
      throw new EngineException(e.getMessage() + suspects(String.valueOf(e.getMessage())), e);
    }
  }

  /** The launches that a fault may have been in: those of the kernel that the driver names. */
  private String suspects(String message) {
    List<Launch> all = steps.stream().map(Program.Step::launch).filter(Objects::nonNull).toList();
    List<Launch> named =
        all.stream().filter(launch -> message.contains(launch.kernel().name() + ",")).toList();
    List<Launch> suspects = named.isEmpty() ? all : named;
    return suspects.stream()
            .limit(MOST_SUSPECTS)
            .map(launch -> "\n  perhaps in " + launch)
            .collect(Collectors.joining())
        + (suspects.size() > MOST_SUSPECTS
            ? "\n  or another of "
                + suspects.size()
                + " launches; -D"
                + Settings.CUDA_SYNC.key()
                + "=true tells which"
            : "");
  }

  /** The launches, for those who look at them. */
  List<Launch> launches() {
    return steps.stream().map(Program.Step::launch).filter(Objects::nonNull).toList();
  }

  @Override
  public void close() {
    if (graph != null) {
      graph.close();
    }
  }
}
