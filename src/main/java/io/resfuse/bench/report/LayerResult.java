package io.resfuse.bench.report;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * How an engine's kernels of one operation did by themselves, on the plan of the whole network.
 *
 * @param workload the network that it is part of
 * @param layer the first layer of its kind, and its shape
 * @param count how many layers of the network are of its kind
 * @param competitor who
 * @param implementations what its kernels are called, as in {@link
 *     io.resfuse.engine.OperationTimer#implementations}
 * @param seconds of one run, in training forward and backward
 * @param cost the least that it has to compute and to move
 * @param roofShare the least time by the device's ceilings as a share of the time that it took; NaN
 *     without ceilings
 * @param ratio of another's seconds to its own in the same rounds; null if it ran alone
 * @param against the name of the other
 */
public record LayerResult(
    Workload workload,
    String layer,
    int count,
    String competitor,
    List<String> implementations,
    Summary seconds,
    Cost cost,
    double roofShare,
    @Nullable Summary ratio,
    @Nullable String against) {
  /**
   * Copies the list.
   *
   * @param workload as in the record
   * @param layer as in the record
   * @param count as in the record
   * @param competitor as in the record
   * @param implementations as in the record; null, as in earlier reports, is none
   * @param seconds as in the record
   * @param cost as in the record
   * @param roofShare as in the record
   * @param ratio as in the record
   * @param against as in the record
   */
  public LayerResult {
    implementations = implementations == null ? List.of() : List.copyOf(implementations);
  }

  /** Bytes per second. */
  double bandwidth() {
    return cost.bytes() / seconds.median();
  }

  /** FLOPs per second. */
  double speed() {
    return cost.flop() / seconds.median();
  }
}
