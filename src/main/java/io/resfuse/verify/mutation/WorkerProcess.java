package io.resfuse.verify.mutation;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.resfuse.verify.mutation.Trial.Answer;
import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * A process that runs trials by {@link TrialRunner#serve}: what a mutant does to it is done to
 * nobody else. If it ends, or takes too long, another takes its place. Not thread-safe.
 */
final class WorkerProcess implements AutoCloseable {
  private final ObjectMapper mapper = new ObjectMapper();
  private final ProcessBuilder command;
  private final long mostSeconds;
  private @Nullable Process process;
  private @Nullable BufferedWriter to;
  private @Nullable BufferedReader from;

  /**
   * Starts nothing yet.
   *
   * @param command of the process
   * @param mostSeconds of a trial
   */
  WorkerProcess(ProcessBuilder command, long mostSeconds) {
    this.command = command;
    this.mostSeconds = mostSeconds;
  }

  /** Has a trial run. One that ends the process, or does not end, is caught by that. */
  Answer ask(Trial trial) {
    try {
      Process running = process == null ? start() : process;
      CompletableFuture<Void> limit =
          CompletableFuture.runAsync(
              running::destroyForcibly,
              CompletableFuture.delayedExecutor(mostSeconds, TimeUnit.SECONDS));
      String line = exchange(mapper.writeValueAsString(trial));
      boolean inTime = limit.cancel(false);
      if (line != null) {
        return mapper.readValue(line, Answer.class);
      }
      close();
      return inTime
          ? Answer.caught("crash", "the process ended")
          : Answer.caught("hang", "it took more than " + mostSeconds + " s");
    } catch (IOException e) {
      throw new UncheckedIOException("a process for mutants cannot be used: " + e.getMessage(), e);
    }
  }

  private Process start() throws IOException {
    Process started = command.start();
    process = started;
    to = started.outputWriter(StandardCharsets.UTF_8);
    from = started.inputReader(StandardCharsets.UTF_8);
    return started;
  }

  /** A line for a line; null if the process has ended. */
  private @Nullable String exchange(String line) {
    try {
      to.write(line);
      to.newLine();
      to.flush();
      return from.readLine();
    } catch (IOException e) {
      return null;
    }
  }

  @Override
  public void close() {
    if (process != null) {
      process.destroyForcibly();
      process = null;
    }
  }
}
