package io.resfuse.engine.cuda;

import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.TrainingOptions;
import io.resfuse.engine.cuda.internal.driver.Context;
import io.resfuse.engine.cuda.internal.driver.Launch;
import io.resfuse.engine.cuda.internal.driver.Stream;
import io.resfuse.engine.cuda.internal.emit.Toolkit;
import io.resfuse.engine.cuda.internal.kernels.KernelLibrary;
import io.resfuse.engine.cuda.internal.program.DeviceStopwatch;
import io.resfuse.engine.cuda.internal.program.Program;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;

/**
 * Times the launches of a plan one by one on a device, by its events: a look at kernels, not a run
 * of a network. Buffers hold zeros or what is left in them, and are partly in the cache.
 */
public final class KernelTimes {
  private KernelTimes() {}

  /**
   * A launch and its time.
   *
   * @param pass {@code forward} or {@code backward}
   * @param label what it does for which operation
   * @param kernel its name, with type and tile
   * @param grid blocks, as in {@code 98 x 1 x 1}
   * @param threads per block
   * @param tensorBytes of all buffers that it is given, each once
   * @param seconds that it takes, the least of some rounds of several runs in a row
   */
  public record Row(
      String pass,
      String label,
      String kernel,
      String grid,
      int threads,
      long tensorBytes,
      double seconds) {}

  private record Timed(Row row, Program.Step step) {}

  /**
   * Times all launches of one pass over a batch: of inference, or of training, forward and
   * backward, with the tiles that a plan of the engine takes. The slowest then run once more
   * between {@code cuProfilerStart} and {@code cuProfilerStop}, so that a profiler can be told to
   * look at them alone.
   *
   * @param network which network
   * @param options batch, sizes and precision; for inference only these count
   * @param training whether to time a training plan's launches
   * @param engine which device, and whether to time tiles
   * @param profiled how many of the slowest run under the profiler
   * @return all of them, the slowest first
   * @throws io.resfuse.engine.EngineException if there is no such device, or memory is short
   */
  public static List<Row> measure(
      NetworkSpec network,
      TrainingOptions options,
      boolean training,
      EngineOptions engine,
      int profiled) {
    try (Context context = new Context(CudaDevice.find(engine));
        KernelLibrary kernels = new KernelLibrary(context, !SoftCuda.isLoaded());
        PlanLaunches plan =
            PlanLaunches.bind(
                new Toolkit(
                    context.device(), kernels, CudaEngine.tiles(context, engine.autotune())),
                context,
                network,
                options,
                training)) {
      List<Timed> timed = new ArrayList<>();
      for (Map.Entry<String, List<Program.Step>> pass : plan.passes().entrySet()) {
        for (Program.Step step : pass.getValue()) {
          Launch launch = step.launch();
          if (launch != null) {
            timed.add(new Timed(time(pass.getKey(), step, launch, plan.stream()), step));
          }
        }
      }
      timed.sort(Comparator.comparingDouble((Timed one) -> one.row().seconds()).reversed());
      context.profiled(
          () -> timed.stream().limit(profiled).forEach(one -> one.step().issue(plan.stream())));
      return timed.stream().map(Timed::row).toList();
    }
  }

  private static Row time(String pass, Program.Step step, Launch launch, Stream stream) {
    return new Row(
        pass,
        launch.label(),
        launch.kernel().name(),
        launch.geometry().grid(),
        launch.geometry().threads(),
        step.tensorBytes(),
        DeviceStopwatch.leastPerRun(stream, () -> step.issue(stream)) / 1e3);
  }
}
