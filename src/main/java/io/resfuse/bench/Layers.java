package io.resfuse.bench;

import io.resfuse.engine.Engine;
import io.resfuse.engine.Operation;
import io.resfuse.verify.NetworkCases;
import io.resfuse.verify.NetworkCases.Layer;
import io.resfuse.verify.Parity;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Times every kind of operation of a network by itself, each engine in turn, with cold caches. Not
 * thread-safe.
 */
final class Layers {
  /** Single runs are short: of these there are more than rounds of whole networks. */
  private static final int RUNS_PER_ROUND = 3;

  private final Settings settings;
  private final Parity data;
  private final List<Ceiling> ceilings;
  private final Runnable cooler;

  Layers(Settings settings, Parity data, List<Ceiling> ceilings, Runnable cooler) {
    this.settings = settings;
    this.data = data;
    this.ceilings = ceilings;
    this.cooler = cooler;
  }

  /**
   * Times.
   *
   * @param engines those whose answer for the whole network was right, by name
   */
  List<LayerResult> time(Task task, Map<String, Engine> engines) {
    Workload workload = task.workload();
    NetworkCases cases =
        new NetworkCases(task.test().network(), workload.batch(), workload.size(), workload.size());
    List<LayerResult> results = new ArrayList<>();
    for (Layer layer : cases.layers()) {
      results.addAll(time(workload, layer, engines));
    }
    return results;
  }

  private List<LayerResult> time(Workload workload, Layer layer, Map<String, Engine> engines) {
    Map<String, OperationRun> runs = new LinkedHashMap<>();
    try {
      engines.forEach(
          (name, engine) ->
              runs.put(
                  name,
                  OperationRun.of(engine, workload, layer.test(), !layer.readsImage(), data)));
      int rounds = RUNS_PER_ROUND * settings.rounds();
      Map<String, double[]> seconds = new LinkedHashMap<>();
      List<String> order = new ArrayList<>(runs.keySet());
      for (String name : order) {
        runs.get(name).seconds(cooler);
        seconds.put(name, new double[rounds]);
      }
      for (int round = 0; round < rounds; round++) {
        for (String name : order) {
          seconds.get(name)[round] = runs.get(name).seconds(cooler);
        }
        order.add(order.remove(0));
      }
      return results(workload, layer, runs, seconds);
    } finally {
      runs.values().forEach(OperationRun::close);
    }
  }

  private List<LayerResult> results(
      Workload workload,
      Layer layer,
      Map<String, OperationRun> runs,
      Map<String, double[]> seconds) {
    Cost cost = cost(workload, layer);
    String against = settings.reference(runs.keySet());
    List<LayerResult> results = new ArrayList<>();
    runs.forEach(
        (name, run) -> {
          Summary mine = Summary.of(seconds.get(name));
          Ceiling ceiling = Ceilings.of(ceilings, name, workload.precision());
          results.add(
              new LayerResult(
                  workload,
                  layer.test().name(),
                  layer.count(),
                  name,
                  run.isAlone(),
                  mine,
                  cost,
                  ceiling == null ? Double.NaN : cost.leastSeconds(ceiling) / mine.median(),
                  runs.size() > 1
                      ? Summary.ofRatios(seconds.get(against), seconds.get(name))
                      : null,
                  runs.size() > 1 ? against : null));
        });
    return results;
  }

  private static Cost cost(Workload workload, Layer layer) {
    List<Operation> operations = layer.test().network().operations();
    return Cost.of(
        layer.test().network(),
        operations.get(operations.size() - 1),
        layer.test().batch(),
        layer.test().height(),
        layer.test().width(),
        workload.mode(),
        workload.precision(),
        !layer.readsImage());
  }
}
