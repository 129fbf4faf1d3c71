package io.resfuse.batch;

import static org.assertj.core.api.Assertions.assertThat;

import io.resfuse.engine.Engine;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.Engines;
import io.resfuse.engine.LoadedNetwork;
import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.PlanRequest;
import io.resfuse.engine.Precision;
import io.resfuse.engine.TestData;
import io.resfuse.model.ResNetConfig;
import io.resfuse.model.ResNetVariant;
import io.resfuse.tensor.HostTensor;
import io.resfuse.tensor.Shape;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import jdk.jfr.Recording;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingFile;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FlightRecorderTest {
  @TempDir Path folder;

  private static List<RecordedEvent> named(String name, Path file) throws IOException {
    return RecordingFile.readAllEvents(file).stream()
        .filter(event -> event.getEventType().getName().equals(name))
        .toList();
  }

  @Test
  void plansRunsBatchesAndTheQueueAreRecorded() throws Exception {
    NetworkSpec network = ResNetConfig.of(ResNetVariant.cifar(8, true)).build();
    Path file = folder.resolve("recording.jfr");
    List<CompletableFuture<?>> sent = new ArrayList<>();
    try (Recording recording = new Recording()) {
      for (String name : List.of("Plan", "Run", "Batch", "Queue")) {
        recording.enable("io.resfuse." + name).withThreshold(Duration.ZERO);
      }
      recording.start();
      try (Engine engine = Engines.open("reference", EngineOptions.defaults());
          LoadedNetwork loaded =
              engine.load(network, TestData.parameters(network), Precision.FP64);
          Batcher batcher =
              new Batcher(
                  List.of(new BatchTarget(loaded, 1)),
                  PlanRequest.logits(1, 8),
                  null,
                  BatchOptions.defaults()
                      .withPreferredBatchSizes(List.of(4))
                      .withMaxQueueDelay(Duration.ofHours(1)))) {
        // They wait for a fourth until the batcher is closed.
        for (int i = 0; i < 3; i++) {
          sent.add(batcher.submit(HostTensor.zeros(Shape.of(3, 8, 8))));
        }
      }
      assertThat(sent).allSatisfy(answer -> assertThat(answer).isCompleted());
      recording.stop();
      recording.dump(file);
    }
    assertThat(named("io.resfuse.Plan", file))
        .hasSize(2)
        .allSatisfy(
            event -> {
              assertThat(event.getInt("batch")).isEqualTo(4);
              assertThat(event.getString("network")).isEqualTo(network.name());
            });
    // Two to begin with, one that is timed, and the batch.
    assertThat(named("io.resfuse.Run", file)).hasSize(4);
    assertThat(named("io.resfuse.Batch", file))
        .singleElement()
        .satisfies(
            event -> {
              assertThat(event.getInt("requests")).isEqualTo(3);
              assertThat(event.getInt("images")).isEqualTo(4);
            });
    assertThat(named("io.resfuse.Queue", file))
        .singleElement()
        .satisfies(
            event -> {
              assertThat(event.getInt("taken")).isEqualTo(3);
              assertThat(event.getInt("left")).isZero();
              assertThat(event.getDuration("longestWait")).isPositive();
            });
  }
}
