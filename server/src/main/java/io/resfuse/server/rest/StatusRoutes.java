package io.resfuse.server.rest;

import io.javalin.Javalin;
import io.resfuse.server.Health;
import io.resfuse.server.inference.Catalog;
import io.resfuse.server.metrics.ServerMetrics;
import io.resfuse.server.repository.ModelState;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.IntSupplier;

/** What the server does, for people and for Prometheus. */
final class StatusRoutes {
  private final Health health;
  private final Catalog catalog;
  private final ServerMetrics metrics;
  private final IntSupplier connections;
  private final IntSupplier requests;
  private final byte[] page = resource("page.html");

  StatusRoutes(
      Health health,
      Catalog catalog,
      ServerMetrics metrics,
      IntSupplier connections,
      IntSupplier requests) {
    this.health = health;
    this.catalog = catalog;
    this.metrics = metrics;
    this.connections = connections;
    this.requests = requests;
  }

  void add(Javalin app) {
    Routes.get(app, "/", context -> Answer.of("text/html; charset=utf-8", page));
    Routes.get(app, "/status", context -> Answer.json(status()));
    Routes.get(
        app,
        "/metrics",
        context ->
            Answer.of(
                "text/plain; version=0.0.4; charset=utf-8",
                metrics.scrape().getBytes(StandardCharsets.UTF_8)));
  }

  /** What the page shows. */
  private Map<String, Object> status() {
    List<ModelState> states = catalog.index();
    List<Map<String, Object>> models = Json.index(states);
    for (int i = 0; i < states.size(); i++) {
      Map<String, Object> model = models.get(i);
      metrics
          .of(states.get(i).name(), states.get(i).version())
          .summary()
          .forEach((name, number) -> model.put(name, number(number)));
    }
    Map<String, Object> status = new LinkedHashMap<>();
    status.put("ready", health.isReady());
    status.put("connections", connections.getAsInt());
    status.put("requests", requests.getAsInt());
    status.put("models", new ArrayList<>(models));
    return status;
  }

  /** JSON has no NaN. */
  private static Object number(Number number) {
    return number instanceof Double real && real.isNaN() ? "" : number;
  }

  private static byte[] resource(String name) {
    try (InputStream stream =
        StatusRoutes.class.getResourceAsStream("/io/resfuse/server/" + name)) {
      if (stream == null) {
        throw new IllegalStateException("no resource " + name);
      }
      return stream.readAllBytes();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
