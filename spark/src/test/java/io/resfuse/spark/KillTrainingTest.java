package io.resfuse.spark;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Stream;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Executors, processes of their own, are killed one after the other while they train together; each
 * time the training gets further. {@code -Dresfuse.kills=20} kills more of them.
 */
class KillTrainingTest {
  @TempDir Path folder;

  @Test
  void aKilledWorkerCostsNoBit() throws Exception {
    int kills = Integer.getInteger("resfuse.kills", 1);
    // Of 6 steps each; there is a kill every 4 or so, and the last long before the end.
    int epochs = 14 + 2 * kills;
    Trainings.write(folder.resolve("pictures"));
    Path to = folder.resolve("training");
    SparkSession spark = Sessions.cluster(2, folder);
    try {
      org.apache.spark.sql.Dataset<Row> rows = Trainings.rows(spark, folder.resolve("pictures"));
      CompletableFuture<ResFuseTransformer> training =
          CompletableFuture.supplyAsync(
              () ->
                  Trainings.trainer(to)
                      .setEpochs(epochs)
                      .setCheckpointEvery(1)
                      .setNumWorkers(2)
                      .fit(rows),
              // Not a thread of a pool, which would keep the session as its own.
              task -> new Thread(task, "training").start());
      Random random = new Random(7);
      int seen = 0;
      for (int kill = 0; kill < kills; kill++) {
        int wanted = seen + 1 + random.nextInt(4);
        while (newest(to) < wanted && !training.isDone()) {
          Thread.sleep(20);
        }
        assertThat(training).as("killed %d of %d", kill, kills).isNotDone();
        List<ProcessHandle> executors = executors();
        executors.get(random.nextInt(executors.size())).destroyForcibly();
        seen = newest(to);
      }
      training.join();
    } finally {
      spark.stop();
      SparkSession.clearActiveSession();
      SparkSession.clearDefaultSession();
    }
    assertThat(Trainings.bits(to))
        .usingRecursiveComparison()
        .isEqualTo(Trainings.alone(folder.resolve("pictures"), epochs));
  }

  /** The step of the newest checkpoint; 0 before the first. */
  private static int newest(Path folder) throws IOException {
    if (!Files.isDirectory(folder)) {
      return 0;
    }
    try (Stream<Path> files = Files.list(folder)) {
      return files
          .map(file -> file.getFileName().toString())
          .filter(name -> name.matches("step-[0-9]+\\.safetensors"))
          .mapToInt(name -> Integer.parseInt(name.substring(5, 14)))
          .max()
          .orElse(0);
    }
  }

  /** This process's children that are executors: nothing else that runs Java. */
  private static List<ProcessHandle> executors() throws InterruptedException {
    List<ProcessHandle> found = List.of();
    for (int i = 0; i < 6000 && found.isEmpty(); i++) {
      Thread.sleep(50);
      found =
          ProcessHandle.current()
              .descendants()
              .filter(process -> process.info().command().orElse("").matches(".*java(\\.exe)?"))
              .toList();
    }
    assertThat(found).as("executors").isNotEmpty();
    return found;
  }
}
