package io.resfuse.benchmarks.neighbours;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;

/**
 * Processes that do nothing but use a CPU each. They end when this is closed, or within a second
 * when this process is gone. Not thread-safe.
 */
final class BusyProcesses implements AutoCloseable {
  private static final String LOOP =
      "while kill -0 $0 2> /dev/null; do i=0; while [ $i -lt 100000 ]; do i=$((i + 1)); done; done";

  private final List<Process> processes = new ArrayList<>();

  /**
   * Starts them.
   *
   * @param count how many
   */
  BusyProcesses(int count) {
    boolean done = false;
    try {
      for (int i = 0; i < count; i++) {
        processes.add(
            new ProcessBuilder("sh", "-c", LOOP, Long.toString(ProcessHandle.current().pid()))
                .inheritIO()
                .start());
      }
      done = true;
    } catch (IOException e) {
      throw new UncheckedIOException("no busy process can be started: " + e.getMessage(), e);
    } finally {
      if (!done) {
        close();
      }
    }
  }

  @Override
  public void close() {
    processes.forEach(Process::destroyForcibly);
  }
}
