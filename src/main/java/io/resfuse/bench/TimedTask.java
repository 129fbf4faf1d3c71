package io.resfuse.bench;

import io.resfuse.bench.report.Ceiling;
import io.resfuse.bench.report.Cost;
import io.resfuse.bench.report.LayerResult;
import io.resfuse.bench.report.Result;
import io.resfuse.bench.report.Settings;
import io.resfuse.bench.report.Summary;
import io.resfuse.bench.report.Workload;
import io.resfuse.verify.NetworkCases;
import io.resfuse.verify.NetworkCases.Layer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * A task, and all that was let through to it, ready to run. In every round each runs in turn for
 * the same time, and the order rotates, so that a noisy moment of the machine hits all alike; then
 * each operation of the network runs by itself. Not thread-safe.
 */
final class TimedTask implements AutoCloseable {
  /** Single operations are short: of these there are more runs than rounds. */
  private static final int RUNS_PER_ROUND = 3;

  /**
   * Every turn begins with a share of its time that is not timed: threads of the one before may
   * still spin, and caches are cold. A large product tells the pace for as long, before and after
   * all turns.
   */
  private static final int SETTLING_SHARE = 8;

  private final Task task;
  private final Settings settings;
  private final List<Result> untimed;
  private final List<TimedRun> runs;
  private final List<TimedRun> order;
  private final List<Layer> layers;

  /**
   * Takes runs over.
   *
   * @param task which
   * @param settings how
   * @param untimed those who were not let through
   * @param runs the others
   */
  TimedTask(Task task, Settings settings, List<Result> untimed, List<TimedRun> runs) {
    this.task = task;
    this.settings = settings;
    this.untimed = untimed;
    this.runs = runs;
    this.order = new ArrayList<>(runs);
    Workload workload = task.workload();
    this.layers =
        settings.layers()
            ? new NetworkCases(
                    task.test().network(), workload.batch(), workload.size(), workload.size())
                .layers()
            : List.of();
  }

  /** Runs all for half a round. */
  void warmUp() {
    runs.forEach(run -> run.warmUp(settings.nanos() / 2));
  }

  /**
   * Runs a round.
   *
   * @param round from 0 on
   * @param cooler empties the caches of the CPU
   */
  void run(int round, Runnable cooler) {
    Map<ReferenceGemm, Double> before = paces();
    for (TimedRun run : order) {
      run.warmUp(settling());
      run.run(round, settings.nanos());
    }
    Map<ReferenceGemm, Double> after = paces();
    for (TimedRun run : runs) {
      ReferenceGemm gemm = run.gemm();
      if (gemm != null) {
        run.setPace(round, (before.get(gemm) + after.get(gemm)) / 2);
      }
    }
    runLayers(cooler);
    if (!order.isEmpty()) {
      order.add(order.remove(0));
    }
  }

  private long settling() {
    return settings.nanos() / SETTLING_SHARE;
  }

  /** How fast the devices are now. */
  private Map<ReferenceGemm, Double> paces() {
    Map<ReferenceGemm, Double> paces = new HashMap<>();
    for (TimedRun run : runs) {
      ReferenceGemm gemm = run.gemm();
      if (gemm != null && !paces.containsKey(gemm)) {
        gemm.mean(settling());
        paces.put(gemm, gemm.mean(settling()));
      }
    }
    return paces;
  }

  private void runLayers(Runnable cooler) {
    for (Layer layer : layers) {
      for (int i = 0; i < RUNS_PER_ROUND; i++) {
        for (TimedRun run : order) {
          run.timer()
              .ifPresent(
                  timer -> run.addLayer(layer, timer.seconds(layer.operation().name(), cooler)));
        }
      }
    }
  }

  /** How all did. */
  List<Result> results() {
    List<Result> results = new ArrayList<>(untimed);
    List<TimedRun> timed = runs.stream().filter(TimedRun::isTimed).toList();
    TimedRun against = timed.size() > 1 ? reference(timed) : null;
    runs.forEach(run -> results.add(run.result(against)));
    return results;
  }

  /** By whom the others are divided. */
  private TimedRun reference(List<TimedRun> some) {
    Optional<TimedRun> named =
        some.stream().filter(run -> run.name().equals(settings.against())).findFirst();
    return named.orElse(some.get(0));
  }

  /** How those did layer by layer whose operations can be timed. */
  List<LayerResult> layerResults(List<Ceiling> ceilings) {
    List<LayerResult> results = new ArrayList<>();
    List<TimedRun> timed = runs.stream().filter(run -> run.timer().isPresent()).toList();
    TimedRun against = timed.size() > 1 ? reference(timed) : null;
    for (Layer layer : layers) {
      Cost cost = Cost.of(task.test().network(), layer.operation(), task.workload());
      for (TimedRun run : timed) {
        double[] seconds = run.layer(layer);
        Summary mine = Summary.of(seconds);
        Ceiling ceiling = Ceiling.best(ceilings, run.name(), task.workload().precision());
        results.add(
            new LayerResult(
                task.workload(),
                layer.test().name(),
                layer.count(),
                run.name(),
                run.timer()
                    .map(timer -> timer.implementations(layer.operation().name()))
                    .orElse(List.of()),
                mine,
                cost,
                ceiling == null ? Double.NaN : cost.leastSeconds(ceiling) / mine.median(),
                against == null ? null : Summary.ofRatios(against.layer(layer), seconds),
                against == null ? null : against.name()));
      }
    }
    return results;
  }

  @Override
  public void close() {
    runs.forEach(TimedRun::close);
  }
}
