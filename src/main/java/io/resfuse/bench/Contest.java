package io.resfuse.bench;

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
final class Contest implements AutoCloseable {
  /** Single operations are short: of these there are more runs than rounds. */
  private static final int RUNS_PER_ROUND = 3;

  /**
   * Every turn begins with a share of its time that is not timed: threads of the one before may
   * still spin, and caches are cold. A product tells the pace for as long, before and after all
   * turns.
   */
  private static final int SETTLING_SHARE = 8;

  private final Task task;
  private final Settings settings;
  private final List<Result> untimed;
  private final List<Lane> lanes;
  private final List<Lane> order;
  private final List<Layer> layers;

  /**
   * Takes lanes over.
   *
   * @param task which
   * @param settings how
   * @param untimed those who were not let through
   * @param lanes the others
   */
  Contest(Task task, Settings settings, List<Result> untimed, List<Lane> lanes) {
    this.task = task;
    this.settings = settings;
    this.untimed = untimed;
    this.lanes = lanes;
    this.order = new ArrayList<>(lanes);
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
    lanes.forEach(lane -> lane.warmUp(settings.nanos() / 2));
  }

  /**
   * Runs a round.
   *
   * @param round from 0 on
   * @param cooler empties the caches of the CPU
   */
  void run(int round, Runnable cooler) {
    Map<Product, Double> before = paces();
    for (Lane lane : order) {
      lane.warmUp(settling());
      lane.run(round, settings.nanos());
    }
    Map<Product, Double> after = paces();
    for (Lane lane : lanes) {
      Product product = lane.product();
      if (product != null) {
        lane.setPace(round, (before.get(product) + after.get(product)) / 2);
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
  private Map<Product, Double> paces() {
    Map<Product, Double> paces = new HashMap<>();
    for (Lane lane : lanes) {
      Product product = lane.product();
      if (product != null && !paces.containsKey(product)) {
        product.mean(settling());
        paces.put(product, product.mean(settling()));
      }
    }
    return paces;
  }

  private void runLayers(Runnable cooler) {
    for (Layer layer : layers) {
      for (int i = 0; i < RUNS_PER_ROUND; i++) {
        for (Lane lane : order) {
          lane.timer()
              .ifPresent(
                  timer -> lane.addLayer(layer, timer.seconds(layer.operation().name(), cooler)));
        }
      }
    }
  }

  /** How all did. */
  List<Result> results() {
    List<Result> results = new ArrayList<>(untimed);
    List<Lane> timed = lanes.stream().filter(Lane::isTimed).toList();
    Lane against = timed.size() > 1 ? reference(timed) : null;
    lanes.forEach(lane -> results.add(lane.result(against)));
    return results;
  }

  /** By whom the others are divided. */
  private Lane reference(List<Lane> some) {
    Optional<Lane> named =
        some.stream().filter(lane -> lane.name().equals(settings.against())).findFirst();
    return named.orElse(some.get(0));
  }

  /** How those did layer by layer whose operations can be timed. */
  List<LayerResult> layerResults(List<Ceiling> ceilings) {
    List<LayerResult> results = new ArrayList<>();
    List<Lane> timed = lanes.stream().filter(lane -> lane.timer().isPresent()).toList();
    Lane against = timed.size() > 1 ? reference(timed) : null;
    for (Layer layer : layers) {
      Cost cost = Cost.of(task.test().network(), layer.operation(), task.workload());
      for (Lane lane : timed) {
        double[] seconds = lane.layer(layer);
        Summary mine = Summary.of(seconds);
        Ceiling ceiling = Ceilings.of(ceilings, lane.name(), task.workload().precision());
        results.add(
            new LayerResult(
                task.workload(),
                layer.test().name(),
                layer.count(),
                lane.name(),
                lane.timer()
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
    lanes.forEach(Lane::close);
  }
}
