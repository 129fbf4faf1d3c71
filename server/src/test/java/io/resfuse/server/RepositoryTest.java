package io.resfuse.server;

import static io.resfuse.server.TestServer.MODEL;
import static io.resfuse.server.TestServer.picture;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.resfuse.batch.RequestOptions;
import io.resfuse.engine.Engine;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.Engines;
import io.resfuse.server.metrics.ServerMetrics;
import io.resfuse.server.protocol.ServiceException;
import io.resfuse.server.repository.Loading;
import io.resfuse.server.repository.ModelRepository;
import io.resfuse.server.repository.ModelState;
import io.resfuse.server.repository.ServedModel;
import io.resfuse.tensor.HostTensor;
import java.lang.reflect.Proxy;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Models without a server around them. */
@Timeout(value = 10, unit = TimeUnit.MINUTES)
class RepositoryTest {
  private static ModelRepository repository(Engine engine, ServerMetrics metrics) {
    return new ModelRepository(
        List.of(MODEL), new Loading(engine, null, TestServer.BATCHING), metrics);
  }

  @Test
  void closingLeavesNothingToBeDone() {
    try (Engine engine = Engines.open("onednn", EngineOptions.defaults());
        ServerMetrics metrics = new ServerMetrics()) {
      ModelRepository repository = repository(engine, metrics);
      repository.open();
      ServedModel model = repository.acquire(MODEL, "");
      List<CompletableFuture<Map<String, HostTensor>>> images = new ArrayList<>();
      RequestOptions how = new RequestOptions(0, Duration.ofHours(1));
      for (int i = 0; i < 1000; i++) {
        images.add(model.batcher().submit(picture("bag"), how));
      }
      model.release();
      repository.close();
      assertThat(images).allMatch(CompletableFuture::isDone);
      // Somebody is late.
      repository.scan();
      repository.scan();
      assertThat(repository.index()).isEmpty();
      assertThatThrownBy(() -> repository.load(MODEL))
          .isInstanceOf(ServiceException.class)
          .hasMessage("the server ends");
      repository.close();
    }
  }

  @Test
  void anErrorIsThatOfOneModel() {
    Engine broken =
        (Engine)
            Proxy.newProxyInstance(
                Engine.class.getClassLoader(),
                new Class<?>[] {Engine.class},
                (proxy, method, arguments) -> {
                  throw new InternalError("a mapped file was cut");
                });
    try (ServerMetrics metrics = new ServerMetrics();
        ModelRepository repository = repository(broken, metrics)) {
      assertThatThrownBy(repository::open).hasMessage("a mapped file was cut");
      assertThat(repository.index())
          .containsExactly(
              new ModelState(MODEL, "1", ModelState.UNAVAILABLE, "a mapped file was cut"));
    }
  }
}
