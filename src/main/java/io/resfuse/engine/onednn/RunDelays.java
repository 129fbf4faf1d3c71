package io.resfuse.engine.onednn;

import io.resfuse.engine.onednn.Neighbours.Times;
import java.io.File;
import java.io.FileInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;

/**
 * How long the threads of this process ran, and how long they were ready to run but had no CPU, as
 * Linux counts it. One owner: not thread-safe.
 */
final class RunDelays implements Neighbours.Scheduler {
  private static final File TASKS = new File("/proc/self/task");

  private final byte[] buffer = new byte[128];

  /** Whether this system counts it. */
  static boolean areCounted() {
    return new File("/proc/self/schedstat").canRead();
  }

  /** Of the threads that there are now: what has ended no longer counts. */
  @Override
  public Times times() {
    String[] tasks = TASKS.list();
    int threads = tasks == null ? 0 : tasks.length;
    long ran = 0;
    long missed = 0;
    for (int i = 0; i < threads; i++) {
      String[] fields = fields(tasks[i]);
      // Nanoseconds on a CPU, nanoseconds of waiting for one, turns.
      if (fields.length == 3) {
        ran += Long.parseLong(fields[0]);
        missed += Long.parseLong(fields[1]);
      }
    }
    return new Times(ran, missed, threads);
  }

  private String[] fields(String task) {
    try (FileInputStream in = new FileInputStream(TASKS + "/" + task + "/schedstat")) {
      int length = Math.max(0, in.read(buffer));
      return new String(buffer, 0, length, StandardCharsets.US_ASCII).split(" ", -1);
    } catch (IOException e) {
      return new String[0]; // It has just ended.
    }
  }
}
