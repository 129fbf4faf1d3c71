package io.resfuse.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.resfuse.bench.Task;
import io.resfuse.bench.Watcher;
import io.resfuse.bench.report.Estimate;
import io.resfuse.bench.report.Workload;
import io.resfuse.engine.Engine;
import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.Optimizer;
import io.resfuse.engine.TrainingOptions;
import io.resfuse.engine.cuda.KernelReport;
import io.resfuse.engine.cuda.KernelReport.Row;
import io.resfuse.tensor.TensorLayout;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.ToDoubleFunction;

/**
 * What softcuda counts of the launches of a workload.
 *
 * @param workload whose
 * @param launches in the order in which they run
 */
record LaunchCounts(Workload workload, List<KernelCounts> launches) {
  /** Of each launch, for estimates: blocks hardly differ. */
  private static final long SAMPLED_BLOCKS = 4;

  LaunchCounts {
    launches = List.copyOf(launches);
  }

  /**
   * Estimates of a few blocks of each launch; before any engine is open, for there is one CUDA
   * driver.
   */
  static List<Estimate> estimates(List<Task> tasks, Watcher watcher) throws IOException {
    List<Estimate> all = new ArrayList<>();
    for (int i = 0; i < tasks.size(); i++) {
      Task task = tasks.get(i);
      watcher.progress(task.workload().toString(), i, tasks.size());
      all.addAll(of(task.workload(), task.test().network(), SAMPLED_BLOCKS).estimates());
    }
    return all;
  }

  /** Runs at most so many blocks of each launch, 0 for all, and counts. */
  static LaunchCounts of(Workload workload, NetworkSpec network, long blocks) throws IOException {
    TrainingOptions options = options(workload, network);
    ObjectMapper mapper = new ObjectMapper();
    List<KernelCounts> launches = new ArrayList<>();
    Map<String, SecondLevelCache> caches = new HashMap<>();
    boolean training = workload.mode() == Engine.Mode.TRAINING;
    for (Row row : KernelReport.count(network, options, training, blocks)) {
      launches.add(KernelCounts.of(row, mapper.readTree(row.counters()), caches));
    }
    return new LaunchCounts(workload, launches);
  }

  /** What a plan of a workload is made of. */
  static TrainingOptions options(Workload workload, NetworkSpec network) {
    KernelReport.requirePrecision(workload.precision(), workload.mode() == Engine.Mode.TRAINING);
    return new TrainingOptions(
        workload.batch(),
        workload.size(),
        workload.size(),
        TensorLayout.NCHW,
        workload.precision(),
        Set.of(network.outputs().containsKey("logits") ? "logits" : "c5"),
        Set.of(),
        false,
        Optimizer.Sgd.standard());
  }

  /** Of all launches. */
  double sum(ToDoubleFunction<KernelCounts> figure) {
    return launches.stream().mapToDouble(figure).sum();
  }

  /** One for each GPU whose published peaks softcuda knows. */
  List<Estimate> estimates() {
    List<Estimate> estimates = new ArrayList<>();
    List<LaunchEstimate> first = launches.isEmpty() ? List.of() : launches.get(0).estimates();
    for (int i = 0; i < first.size(); i++) {
      int gpu = i;
      Map<String, Double> limits = new TreeMap<>();
      for (KernelCounts launch : launches) {
        LaunchEstimate one = launch.estimates().get(gpu);
        limits.merge(one.limit(), one.microseconds() / 1e6, Double::sum);
      }
      estimates.add(
          new Estimate(
              workload,
              first.get(gpu).gpu(),
              launches.size(),
              sum(one -> one.estimates().get(gpu).microseconds()) / 1e6,
              sum(one -> one.estimates().get(gpu).memoryBytes()),
              sum(KernelCounts::bytes),
              sum(KernelCounts::tensorFlop),
              limits));
    }
    return estimates;
  }
}
