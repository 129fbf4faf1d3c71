package io.resfuse.server.rest;

import io.javalin.Javalin;
import io.javalin.http.Context;
import io.javalin.http.HttpResponseException;
import io.resfuse.server.Health;
import io.resfuse.server.ServerInfo;
import io.resfuse.server.inference.Catalog;
import io.resfuse.server.inference.Control;
import io.resfuse.server.inference.Failures;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

/** The paths of KServe's protocol and of Triton's extensions, and what errors look like. */
final class Routes {
  private final ServerInfo info;
  private final Health health;
  private final Catalog catalog;
  private final Control control;
  private final InferRoute infer;

  Routes(ServerInfo info, Health health, Catalog catalog, Control control, InferRoute infer) {
    this.info = info;
    this.health = health;
    this.catalog = catalog;
    this.control = control;
    this.infer = infer;
  }

  void add(Javalin app) {
    get(app, "/v2", context -> Answer.json(info.asMap()));
    get(app, "/v2/health/live", context -> Answer.json(Map.of("live", true)));
    get(app, "/v2/health/ready", context -> ready(health.isReady()));
    get(app, "/v2/models/stats", context -> Answer.json(statistics("", "")));
    for (String path : List.of("/v2/models/{model}", "/v2/models/{model}/versions/{version}")) {
      get(
          app,
          path,
          context -> Answer.json(Json.of(catalog.metadata(model(context), version(context)))));
      get(
          app,
          path + "/ready",
          context -> ready(catalog.isReady(model(context), version(context))));
      get(
          app,
          path + "/config",
          context -> Answer.json(Json.of(catalog.configuration(model(context), version(context)))));
      get(
          app,
          path + "/stats",
          context -> Answer.json(statistics(model(context), version(context))));
      app.post(path + "/infer", infer::begin);
    }
    app.post(
        "/v2/repository/index", context -> send(context, Answer.json(Json.index(catalog.index()))));
    app.post("/v2/repository/models/{model}/load", context -> control(context, control::load));
    app.post("/v2/repository/models/{model}/unload", context -> control(context, control::unload));
    app.exception(HttpResponseException.class, (e, context) -> send(context, error(e, context)));
    app.exception(Exception.class, (e, context) -> send(context, Answer.of(Failures.of(e))));
  }

  /** What a path is answered by. */
  interface Handler {
    Answer answer(Context context);
  }

  static void get(Javalin app, String path, Handler handler) {
    app.get(path, context -> send(context, handler.answer(context)));
  }

  /** What a handler ends with. */
  private static void send(Context context, Answer answer) {
    context.future(
        () -> {
          AnswerWriter writer = new AnswerWriter(context.res());
          writer.write(answer);
          return writer.done();
        });
  }

  static String model(Context context) {
    return context.pathParam("model");
  }

  static String version(Context context) {
    return context.pathParamMap().getOrDefault("version", "");
  }

  private static Answer ready(boolean ready) {
    return Answer.json(ready ? 200 : 503, Map.of("ready", ready));
  }

  private Map<String, Object> statistics(String model, String version) {
    return Map.of(
        "model_stats", catalog.statistics(model, version).stream().map(Json::of).toList());
  }

  private static void control(Context context, Consumer<String> action) {
    action.accept(model(context));
    send(context, Answer.json(Map.of()));
  }

  private static Answer error(HttpResponseException failure, Context context) {
    String message = failure.getMessage();
    return Answer.error(
        failure.getStatus(),
        message == null || failure.getStatus() == 404
            ? "there is no "
                + context.method()
                + " "
                + context.path()
                + "; /v2 begins KServe's protocol"
            : message);
  }
}
