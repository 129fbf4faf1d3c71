package io.resfuse.server.metrics;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.DistributionSummary;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.Timer;
import io.resfuse.batch.BatchListener;
import io.resfuse.server.protocol.ModelStatistics;
import io.resfuse.server.protocol.ServiceException.Kind;
import java.time.Duration;
import java.util.EnumMap;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.IntSupplier;

/**
 * What one version of a model has done since the server was started; reloading it does not reset
 * anything. Thread-safe.
 */
public final class ModelMetrics implements BatchListener {
  /** Bounds of the histograms of times: a factor of 2 to 2.5 apart, as Prometheus has them. */
  private static final Duration[] BOUNDS = {
    Duration.ofNanos(500_000),
    Duration.ofMillis(1),
    Duration.ofNanos(2_500_000),
    Duration.ofMillis(5),
    Duration.ofMillis(10),
    Duration.ofMillis(25),
    Duration.ofMillis(50),
    Duration.ofMillis(100),
    Duration.ofMillis(250),
    Duration.ofMillis(500),
    Duration.ofSeconds(1),
    Duration.ofMillis(2500),
    Duration.ofSeconds(5),
    Duration.ofSeconds(10)
  };

  private final String model;
  private final String version;

  final LongAdder successes = new LongAdder();
  final LongAdder failures = new LongAdder();
  final LongAdder images = new LongAdder();
  final LongAdder runs = new LongAdder();
  final LongAdder requestNanos = new LongAdder();
  final LongAdder queueNanos = new LongAdder();
  final LongAdder preparationNanos = new LongAdder();
  final LongAdder runNanos = new LongAdder();
  private final LongAdder failureNanos = new LongAdder();
  private final LongAdder queued = new LongAdder();
  private final LongAdder outputs = new LongAdder();
  private final LongAdder outputNanos = new LongAdder();
  private final Map<Integer, OfBatch> byBatch = new ConcurrentSkipListMap<>();
  private volatile long lastMillis;
  private final AtomicInteger inFlight = new AtomicInteger();
  private final LatencyWindow latencies = new LatencyWindow();
  private volatile IntSupplier waiting = () -> 0;

  private final Timer requests;
  private final Timer queue;
  private final Timer preparation;
  private final Timer run;
  private final DistributionSummary batches;
  private final Map<Kind, Counter> rejections;

  ModelMetrics(String model, String version, MeterRegistry registry) {
    this.model = model;
    this.version = version;
    Tags tags = Tags.of("model", model, "version", version);
    this.requests = timer("resfuse.request", "From a request to its answer", tags, registry);
    this.queue = timer("resfuse.queue", "From a submission to its batch", tags, registry);
    this.preparation =
        timer("resfuse.batch.preparation", "Decoding and normalising a batch", tags, registry);
    this.run = timer("resfuse.batch.run", "Running a batch", tags, registry);
    this.batches =
        DistributionSummary.builder("resfuse.batch.images")
            .description("Images of the batches that ran")
            .tags(tags)
            .serviceLevelObjectives(1, 2, 4, 8, 16, 32, 64, 128)
            .register(registry);
    Gauge.builder("resfuse.queue.images", () -> waiting.getAsInt())
        .description("Images that wait for a batch")
        .tags(tags)
        .register(registry);
    Gauge.builder("resfuse.requests.in.flight", inFlight::get)
        .description("Requests that are not answered yet")
        .tags(tags)
        .register(registry);
    this.rejections = failures(tags, registry);
  }

  /** Counters of failures, one for each kind. */
  static Map<Kind, Counter> failures(Tags tags, MeterRegistry registry) {
    Map<Kind, Counter> counters = new EnumMap<>(Kind.class);
    for (Kind kind : Kind.values()) {
      counters.put(
          kind,
          Counter.builder("resfuse.failures")
              .description("Requests that were not answered, by reason")
              .tags(tags.and("reason", kind.name().toLowerCase(Locale.ROOT)))
              .register(registry));
    }
    return counters;
  }

  private static Timer timer(String name, String description, Tags tags, MeterRegistry registry) {
    return Timer.builder(name)
        .description(description)
        .tags(tags)
        .serviceLevelObjectives(BOUNDS)
        .register(registry);
  }

  /**
   * Sets where the length of the queue comes from.
   *
   * @param newWaiting of the model that takes requests now
   */
  public void setQueue(IntSupplier newWaiting) {
    waiting = newWaiting;
  }

  /** What batches of one size took. */
  private static final class OfBatch {
    final LongAdder count = new LongAdder();
    final LongAdder preparationNanos = new LongAdder();
    final LongAdder runNanos = new LongAdder();

    ModelStatistics.OfBatch statistics(int size) {
      return new ModelStatistics.OfBatch(
          size, duration(count, preparationNanos), duration(count, runNanos));
    }
  }

  /** A request has come. */
  public void began() {
    inFlight.incrementAndGet();
    lastMillis = System.currentTimeMillis();
  }

  /**
   * A request was answered.
   *
   * @param nanos since it came
   */
  public void succeeded(long nanos) {
    inFlight.decrementAndGet();
    successes.increment();
    requestNanos.add(nanos);
    requests.record(nanos, TimeUnit.NANOSECONDS);
    latencies.add(nanos);
  }

  /**
   * A request was not answered.
   *
   * @param kind why
   * @param nanos since it came
   */
  public void failed(Kind kind, long nanos) {
    inFlight.decrementAndGet();
    failures.increment();
    failureNanos.add(nanos);
    Counter counter = rejections.get(kind);
    if (counter != null) {
      counter.increment();
    }
  }

  /**
   * The outputs of a request's images were put together.
   *
   * @param nanos in which
   */
  public void written(long nanos) {
    outputs.increment();
    outputNanos.add(nanos);
  }

  @Override
  public void taken(long nanos) {
    queued.increment();
    queueNanos.add(nanos);
    queue.record(nanos, TimeUnit.NANOSECONDS);
  }

  @Override
  public void ran(int requestsOfBatch, int places, long prepared, long ran) {
    images.add(requestsOfBatch);
    runs.increment();
    preparationNanos.add(prepared);
    runNanos.add(ran);
    OfBatch batch = byBatch.computeIfAbsent(requestsOfBatch, size -> new OfBatch());
    batch.count.increment();
    batch.preparationNanos.add(prepared);
    batch.runNanos.add(ran);
    preparation.record(prepared, TimeUnit.NANOSECONDS);
    run.record(ran, TimeUnit.NANOSECONDS);
    batches.record(requestsOfBatch);
  }

  private static ModelStatistics.Duration duration(LongAdder count, LongAdder nanos) {
    return new ModelStatistics.Duration(count.sum(), nanos.sum());
  }

  /**
   * All that is counted. What happens meanwhile may be in one number and not in another yet.
   *
   * @return as it is now
   */
  public ModelStatistics statistics() {
    return new ModelStatistics(
        model,
        version,
        lastMillis,
        images.sum(),
        runs.sum(),
        duration(successes, requestNanos),
        duration(failures, failureNanos),
        duration(queued, queueNanos),
        duration(runs, preparationNanos),
        duration(runs, runNanos),
        duration(outputs, outputNanos),
        byBatch.entrySet().stream()
            .map(entry -> entry.getValue().statistics(entry.getKey()))
            .toList());
  }

  String model() {
    return model;
  }

  String version() {
    return version;
  }

  int waiting() {
    return waiting.getAsInt();
  }

  /**
   * What the page shows.
   *
   * @return numbers by name; latencies of the last 1024 requests in seconds, NaN if there were none
   */
  public Map<String, Number> summary() {
    double[] seconds = latencies.seconds(0.5, 0.99);
    return Map.of(
        "queue", waiting(),
        "inFlight", inFlight.get(),
        "answered", successes.sum(),
        "failed", failures.sum(),
        "images", images.sum(),
        "batches", runs.sum(),
        "p50", seconds[0],
        "p99", seconds[1]);
  }
}
