package io.resfuse.train;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.resfuse.train.run.RunHistory;
import io.resfuse.weights.ModelFile;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Kills a process that trains, at random moments, and starts it again, until it comes to its end:
 * the weights must be those of a training that nobody disturbed, and no start may be behind the
 * last checkpoint.
 */
class KillTest {
  private static final int KILLS = Integer.getInteger("resfuse.kills", 6);

  @TempDir Path folder;

  @Test
  @Timeout(value = 5, unit = TimeUnit.MINUTES)
  void losesNothingButTheStepsSinceTheLastCheckpoint() throws Exception {
    Path whole = folder.resolve("whole");
    KilledTraining.run(whole, false);
    Path killed = folder.resolve("killed");
    long seed = System.nanoTime();
    System.out.println("KillTest's seed is " + seed);
    Random random = new Random(seed);
    int kills = 0;
    int exitCode = -1;
    for (int attempt = 0; exitCode != 0; attempt++) {
      assertThat(attempt).as("attempts").isLessThan(40 + 2 * KILLS);
      Process process = start(killed, attempt > 0);
      if (kills < KILLS) {
        long saves = 1L + random.nextInt(3);
        waitForSaves(killed, process, saves);
        Thread.sleep(random.nextInt(60));
        if (process.isAlive()) {
          kills++;
        }
        process.destroyForcibly();
      }
      exitCode = process.waitFor();
    }
    assertThat(kills).as("kills, seed %d", seed).isGreaterThanOrEqualTo(3);
    checkNotes(Files.readAllLines(killed.resolve("notes")));
    assertThat(TestJobs.values(ModelFile.open(killed.resolve("model.safetensors")).parameters()))
        .usingRecursiveComparison()
        .isEqualTo(
            TestJobs.values(ModelFile.open(whole.resolve("model.safetensors")).parameters()));
    assertThat(steps(killed)).isEqualTo(steps(whole));
  }

  private static Process start(Path folder, boolean resume) throws IOException {
    String java = Path.of(System.getProperty("java.home"), "bin", "java").toString();
    return new ProcessBuilder(
            java,
            "-Xmx512m",
            "-XX:TieredStopAtLevel=1",
            "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
            "-cp",
            System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")),
            KilledTraining.class.getName(),
            folder.toString(),
            Boolean.toString(resume))
        .redirectErrorStream(true)
        .redirectOutput(ProcessBuilder.Redirect.appendTo(new File(folder + ".log")))
        .start();
  }

  /** Waits until the process has saved a few more times, or has ended. */
  private static void waitForSaves(Path folder, Process process, long more) throws Exception {
    long before = saves(folder);
    while (process.isAlive() && saves(folder) < before + more) {
      Thread.sleep(5);
    }
  }

  private static long saves(Path folder) throws IOException {
    Path notes = folder.resolve("notes");
    return Files.exists(notes)
        ? Files.readAllLines(notes).stream().filter(line -> line.startsWith("saved")).count()
        : 0;
  }

  private static void checkNotes(List<String> notes) {
    long saved = 0;
    int starts = 0;
    for (String line : notes) {
      long step = Long.parseLong(line.substring(line.indexOf(' ') + 1));
      if (line.startsWith("start")) {
        assertThat(step).isGreaterThanOrEqualTo(saved);
        starts++;
      }
      saved = step;
    }
    assertThat(starts).isGreaterThan(1);
    assertThat(saved).isEqualTo(12 * 6);
  }

  /** The looks at steps in the metrics: each once, whatever happened. */
  private static List<String> steps(Path folder) {
    return RunHistory.read(folder.resolve("metrics.jsonl")).of("step").stream()
        .map(event -> event.get("step") + " " + event.get("loss") + " " + rate(event))
        .toList();
  }

  private static JsonNode rate(JsonNode event) {
    return event.get("learning_rate");
  }
}
