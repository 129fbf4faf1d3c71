package io.resfuse.server.rest;

import io.javalin.http.Context;
import io.resfuse.server.ServerOptions;
import io.resfuse.server.inference.BodyMemory;
import io.resfuse.server.inference.Failures;
import io.resfuse.server.inference.InferenceService;
import io.resfuse.server.protocol.InferenceRequest;
import io.resfuse.server.protocol.ServiceException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import org.jspecify.annotations.Nullable;

/**
 * Inference by request: the body is read as it comes, the model runs, and the answer is made and
 * written as it is taken, without a thread that waits for any of it. Thread-safe.
 */
final class InferRoute implements AutoCloseable {
  private final ServerOptions options;
  private final InferenceService service;
  private final BodyMemory memory;
  private final RequestReader reader;
  private final ScheduledExecutorService timer =
      Executors.newSingleThreadScheduledExecutor(
          task -> {
            Thread thread = new Thread(task, "resfuse-server-timer");
            thread.setDaemon(true);
            return thread;
          });

  InferRoute(ServerOptions options, InferenceService service, BodyMemory memory) {
    this.options = options;
    this.service = service;
    this.memory = memory;
    this.reader = new RequestReader(options.maxBody());
  }

  void begin(Context context) {
    try {
      BodyReader.check(context.req(), options.maxBody());
    } catch (ServiceException e) {
      // The body is not read.
      abandon(context);
      throw service.refuse(e);
    }
    context.future(() -> infer(context));
  }

  private static void abandon(Context context) {
    OpenRequests.abandon(context.req());
    context.res().setHeader("Connection", "close");
  }

  private CompletableFuture<Void> infer(Context context) {
    BodyReader body;
    try {
      body =
          BodyReader.read(context.req(), memory, options.maxBody(), options.readTimeout(), timer);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    AnswerWriter writer = new AnswerWriter(context.res());
    String jsonLength = context.header(Answer.JSON_LENGTH);
    body.body()
        .handle((whole, failure) -> read(context, whole, failure, jsonLength))
        .thenCompose(request -> service.infer(request, writer))
        .thenApply(Answer::of)
        .exceptionally(
            failure -> {
              if (!body.isWhole()) {
                abandon(context);
              }
              return Answer.of(Failures.of(failure));
            })
        .thenAccept(writer::write);
    return writer.done().whenComplete((done, failure) -> body.free());
  }

  private InferenceRequest read(
      Context context,
      @Nullable Body whole,
      @Nullable Throwable failure,
      @Nullable String jsonLength) {
    if (whole == null) {
      throw service.refuse(failure == null ? new IllegalStateException("no body") : failure);
    }
    try {
      return reader.read(Routes.model(context), Routes.version(context), whole, jsonLength);
    } catch (RuntimeException | Error e) {
      throw service.refuse(e);
    }
  }

  @Override
  public void close() {
    timer.shutdownNow();
  }
}
