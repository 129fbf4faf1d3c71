package io.resfuse.bench;

import io.resfuse.bench.report.Pace;
import io.resfuse.bench.report.Result;
import io.resfuse.bench.report.Summary;
import io.resfuse.engine.OperationTimer;
import io.resfuse.verify.NetworkCases.Layer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Who was let through to a task, with what is open for it and the times so far. Not thread-safe.
 */
final class TimedRun implements AutoCloseable {
  private final Result checked;
  private final Entry entry;
  private final @Nullable ReferenceGemm gemm;
  private final double flopPerImage;
  private final double[] seconds;
  private final double[] pace;
  private final Latencies latencies = new Latencies();
  private final Map<Layer, List<Double>> layers = new LinkedHashMap<>();
  private @Nullable String loss;

  /**
   * Takes an entry over.
   *
   * @param checked who it is, and how its answer was
   * @param entry closed with this
   * @param gemm tells the pace of its device; null if nothing does
   * @param flopPerImage of the network
   * @param rounds that there will be
   */
  TimedRun(
      Result checked, Entry entry, @Nullable ReferenceGemm gemm, double flopPerImage, int rounds) {
    this.checked = checked;
    this.entry = entry;
    this.gemm = gemm;
    this.flopPerImage = flopPerImage;
    this.seconds = new double[rounds];
    this.pace = new double[rounds];
  }

  String name() {
    return checked.competitor();
  }

  /** Runs without being timed. */
  void warmUp(long nanos) {
    guarded(() -> entry.run(nanos, new Latencies()));
  }

  /** Runs for a time in a round. */
  void run(int round, long nanos) {
    int before = latencies.count();
    guarded(() -> entry.run(nanos, latencies));
    seconds[round] = latencies.meanFrom(before);
  }

  /** What tells the pace of its device; null if nothing does. */
  @Nullable ReferenceGemm gemm() {
    return gemm;
  }

  /** Sets the product's FLOPs per second around a round. */
  void setPace(int round, double flopPerSecond) {
    pace[round] = flopPerSecond;
  }

  /** Who dies drops out, and runs no more. */
  private void guarded(Runnable run) {
    if (loss == null) {
      try {
        run.run();
      } catch (CompetitorException e) {
        loss = e.getMessage();
      }
    }
  }

  /** What times its operations; empty if nothing does. */
  Optional<OperationTimer> timer() {
    return loss == null ? entry.timer() : Optional.empty();
  }

  /** Adds a duration of a layer. */
  void addLayer(Layer layer, double duration) {
    layers.computeIfAbsent(layer, any -> new ArrayList<>()).add(duration);
  }

  /** All durations of a layer so far; empty if it was not timed. */
  double[] layer(Layer layer) {
    return layers.getOrDefault(layer, List.of()).stream().mapToDouble(one -> one).toArray();
  }

  /** Whether it ran in all rounds. */
  boolean isTimed() {
    return loss == null;
  }

  /** Images per second, per round. */
  double[] rates() {
    int batch = checked.workload().batch();
    return Arrays.stream(seconds).map(one -> batch / one).toArray();
  }

  /**
   * What is said of it.
   *
   * @param other by whom it is divided; null if it ran alone
   */
  Result result(@Nullable TimedRun other) {
    return loss != null
        ? checked.untimed(Result.Status.SKIPPED, loss, checked.error())
        : checked.timed(
            Summary.of(rates()),
            latencies.percentiles(),
            gemm == null
                ? null
                : new Pace(
                    Summary.of(pace),
                    Summary.ofRatios(
                        Arrays.stream(rates()).map(rate -> rate * flopPerImage).toArray(), pace)),
            other == null ? null : Summary.ofRatios(rates(), other.rates()),
            other == null ? null : other.name());
  }

  @Override
  public void close() {
    entry.close();
  }
}
