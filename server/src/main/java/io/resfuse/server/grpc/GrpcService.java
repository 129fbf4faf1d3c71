package io.resfuse.server.grpc;

import io.grpc.Context;
import io.grpc.Deadline;
import io.grpc.Status;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import io.resfuse.server.Health;
import io.resfuse.server.ServerInfo;
import io.resfuse.server.grpc.proto.GRPCInferenceServiceGrpc.GRPCInferenceServiceImplBase;
import io.resfuse.server.grpc.proto.ModelConfigRequest;
import io.resfuse.server.grpc.proto.ModelConfigResponse;
import io.resfuse.server.grpc.proto.ModelInferRequest;
import io.resfuse.server.grpc.proto.ModelInferResponse;
import io.resfuse.server.grpc.proto.ModelMetadataRequest;
import io.resfuse.server.grpc.proto.ModelMetadataResponse;
import io.resfuse.server.grpc.proto.ModelReadyRequest;
import io.resfuse.server.grpc.proto.ModelReadyResponse;
import io.resfuse.server.grpc.proto.ModelStatisticsRequest;
import io.resfuse.server.grpc.proto.ModelStatisticsResponse;
import io.resfuse.server.grpc.proto.RepositoryIndexRequest;
import io.resfuse.server.grpc.proto.RepositoryIndexResponse;
import io.resfuse.server.grpc.proto.RepositoryModelLoadRequest;
import io.resfuse.server.grpc.proto.RepositoryModelLoadResponse;
import io.resfuse.server.grpc.proto.RepositoryModelUnloadRequest;
import io.resfuse.server.grpc.proto.RepositoryModelUnloadResponse;
import io.resfuse.server.grpc.proto.ServerLiveRequest;
import io.resfuse.server.grpc.proto.ServerLiveResponse;
import io.resfuse.server.grpc.proto.ServerMetadataRequest;
import io.resfuse.server.grpc.proto.ServerMetadataResponse;
import io.resfuse.server.grpc.proto.ServerReadyRequest;
import io.resfuse.server.grpc.proto.ServerReadyResponse;
import io.resfuse.server.inference.Catalog;
import io.resfuse.server.inference.Control;
import io.resfuse.server.inference.Failures;
import io.resfuse.server.inference.InferenceService;
import io.resfuse.server.protocol.InferenceRequest;
import io.resfuse.server.protocol.InferenceResponse;
import io.resfuse.server.protocol.ServiceException;
import io.resfuse.server.repository.ModelState;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** The calls of KServe's protocol, translated for {@link InferenceService} and back. */
final class GrpcService extends GRPCInferenceServiceImplBase {
  private final ServerInfo info;
  private final Health health;
  private final Catalog catalog;
  private final Control control;
  private final InferenceService service;
  private final Executor answers;

  GrpcService(
      ServerInfo info,
      Health health,
      Catalog catalog,
      Control control,
      InferenceService service,
      Executor answers) {
    this.info = info;
    this.health = health;
    this.catalog = catalog;
    this.control = control;
    this.service = service;
    this.answers = answers;
  }

  /** Answers a call at once, or says why not. */
  private static <T> void answer(StreamObserver<T> observer, Supplier<T> response) {
    T value;
    try {
      value = response.get();
    } catch (RuntimeException | Error e) {
      observer.onError(status(e).asRuntimeException());
      return;
    }
    observer.onNext(value);
    observer.onCompleted();
  }

  private static Status status(Throwable thrown) {
    ServiceException failure = Failures.of(thrown);
    Status status =
        switch (failure.kind()) {
          case INVALID -> Status.INVALID_ARGUMENT;
          case FORBIDDEN -> Status.PERMISSION_DENIED;
          case NOT_FOUND -> Status.NOT_FOUND;
          case TOO_LARGE, OVERLOADED -> Status.RESOURCE_EXHAUSTED;
          case TOO_SLOW, DEADLINE -> Status.DEADLINE_EXCEEDED;
          case UNAVAILABLE -> Status.UNAVAILABLE;
          case FAILED -> Status.INTERNAL;
        };
    return status.withDescription(failure.getMessage());
  }

  @Override
  public void serverLive(ServerLiveRequest request, StreamObserver<ServerLiveResponse> observer) {
    answer(observer, () -> ServerLiveResponse.newBuilder().setLive(true).build());
  }

  @Override
  public void serverReady(
      ServerReadyRequest request, StreamObserver<ServerReadyResponse> observer) {
    answer(observer, () -> ServerReadyResponse.newBuilder().setReady(health.isReady()).build());
  }

  @Override
  public void modelReady(ModelReadyRequest request, StreamObserver<ModelReadyResponse> observer) {
    answer(
        observer,
        () ->
            ModelReadyResponse.newBuilder()
                .setReady(catalog.isReady(request.getName(), request.getVersion()))
                .build());
  }

  @Override
  public void serverMetadata(
      ServerMetadataRequest request, StreamObserver<ServerMetadataResponse> observer) {
    answer(
        observer,
        () ->
            ServerMetadataResponse.newBuilder()
                .setName(info.name())
                .setVersion(info.version())
                .addAllExtensions(info.extensions())
                .build());
  }

  @Override
  public void modelMetadata(
      ModelMetadataRequest request, StreamObserver<ModelMetadataResponse> observer) {
    answer(observer, () -> Messages.of(catalog.metadata(request.getName(), request.getVersion())));
  }

  @Override
  public void modelConfig(
      ModelConfigRequest request, StreamObserver<ModelConfigResponse> observer) {
    answer(
        observer,
        () ->
            ModelConfigResponse.newBuilder()
                .setConfig(
                    Messages.of(catalog.configuration(request.getName(), request.getVersion())))
                .build());
  }

  @Override
  public void modelStatistics(
      ModelStatisticsRequest request, StreamObserver<ModelStatisticsResponse> observer) {
    answer(
        observer,
        () -> {
          ModelStatisticsResponse.Builder response = ModelStatisticsResponse.newBuilder();
          catalog
              .statistics(request.getName(), request.getVersion())
              .forEach(model -> response.addModelStats(Messages.of(model)));
          return response.build();
        });
  }

  @Override
  public void modelInfer(ModelInferRequest request, StreamObserver<ModelInferResponse> observer) {
    ServerCallStreamObserver<ModelInferResponse> call =
        (ServerCallStreamObserver<ModelInferResponse>) observer;
    CompletableFuture<InferenceResponse> answer;
    boolean raw = request.getRawInputContentsCount() > 0;
    InferenceRequest read;
    try {
      MessageMemory.current().isRead(request.getSerializedSize());
      read = GrpcTensors.read(request, timeLeft());
    } catch (RuntimeException | Error e) {
      call.onError(status(service.refuse(e)).asRuntimeException());
      return;
    }
    try {
      answer = service.infer(read, answers);
    } catch (RuntimeException e) {
      call.onError(status(e).asRuntimeException());
      return;
    }
    call.setOnCancelHandler(() -> answer.cancel(false));
    answer.whenComplete(
        (response, failure) -> {
          if (call.isCancelled()) {
            return;
          }
          if (failure != null) {
            call.onError(status(failure).asRuntimeException());
            return;
          }
          answer(call, () -> GrpcTensors.write(response, raw));
        });
  }

  /** Until the deadline of the call that runs; null if it has none. */
  private static @Nullable Duration timeLeft() {
    Deadline deadline = Context.current().getDeadline();
    return deadline == null
        ? null
        : Duration.ofNanos(Math.max(0, deadline.timeRemaining(TimeUnit.NANOSECONDS)));
  }

  @Override
  public void repositoryIndex(
      RepositoryIndexRequest request, StreamObserver<RepositoryIndexResponse> observer) {
    answer(
        observer,
        () -> {
          RepositoryIndexResponse.Builder response = RepositoryIndexResponse.newBuilder();
          for (ModelState state : catalog.index()) {
            if (state.isReady() || !request.getReady()) {
              response.addModels(
                  RepositoryIndexResponse.ModelIndex.newBuilder()
                      .setName(state.name())
                      .setVersion(state.version())
                      .setState(state.state())
                      .setReason(state.reason()));
            }
          }
          return response.build();
        });
  }

  @Override
  public void repositoryModelLoad(
      RepositoryModelLoadRequest request, StreamObserver<RepositoryModelLoadResponse> observer) {
    answer(
        observer,
        () -> {
          control.load(request.getModelName());
          return RepositoryModelLoadResponse.getDefaultInstance();
        });
  }

  @Override
  public void repositoryModelUnload(
      RepositoryModelUnloadRequest request,
      StreamObserver<RepositoryModelUnloadResponse> observer) {
    answer(
        observer,
        () -> {
          control.unload(request.getModelName());
          return RepositoryModelUnloadResponse.getDefaultInstance();
        });
  }
}
