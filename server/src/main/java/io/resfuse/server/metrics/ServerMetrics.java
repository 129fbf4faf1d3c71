package io.resfuse.server.metrics;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.binder.jvm.JvmGcMetrics;
import io.micrometer.core.instrument.binder.jvm.JvmMemoryMetrics;
import io.micrometer.core.instrument.binder.jvm.JvmThreadMetrics;
import io.micrometer.core.instrument.binder.system.ProcessorMetrics;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import io.resfuse.server.protocol.ServiceException.Kind;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.function.Supplier;

/** All that is counted and timed. Thread-safe. */
public final class ServerMetrics implements AutoCloseable {
  private final PrometheusMeterRegistry registry =
      new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
  private final JvmGcMetrics collections = new JvmGcMetrics();
  private final Map<Kind, Counter> refusals =
      ModelMetrics.failures(Tags.of("model", "", "version", ""), registry);
  private final Map<List<String>, ModelMetrics> models =
      new ConcurrentSkipListMap<>(
          (a, b) -> {
            int names = a.get(0).compareTo(b.get(0));
            return names != 0 ? names : a.get(1).compareTo(b.get(1));
          });

  /** Of the JVM only, until there are models. */
  public ServerMetrics() {
    new JvmMemoryMetrics().bindTo(registry);
    new JvmThreadMetrics().bindTo(registry);
    new ProcessorMetrics().bindTo(registry);
    collections.bindTo(registry);
  }

  /**
   * Those of a version of a model.
   *
   * @param model its name
   * @param version its version
   * @return the same ones for the same names; made once, since a registry has a meter once
   */
  public synchronized ModelMetrics of(String model, String version) {
    return models.computeIfAbsent(
        List.of(model, version), key -> new ModelMetrics(model, version, registry));
  }

  /**
   * A request was refused before it was known which model it was for: it is counted beside those of
   * models, with no model's name, since clients could name any.
   *
   * @param kind why
   */
  public void refused(Kind kind) {
    Counter counter = refusals.get(kind);
    if (counter != null) {
      counter.increment();
    }
  }

  /**
   * Adds a number that goes up and down.
   *
   * @param name in words between dots
   * @param description for people
   * @param value read when it is asked for
   */
  public void gauge(String name, String description, Supplier<Number> value) {
    Gauge.builder(name, value).description(description).register(registry);
  }

  /**
   * Everything in Prometheus' text format 0.0.4: Triton's names, then Micrometer's.
   *
   * @return lines
   */
  public String scrape() {
    return TritonText.of(new ArrayList<>(models.values())) + registry.scrape();
  }

  @Override
  public void close() {
    collections.close();
    registry.close();
  }
}
