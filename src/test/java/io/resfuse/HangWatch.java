package io.resfuse;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.junit.platform.engine.TestExecutionResult;
import org.junit.platform.launcher.TestExecutionListener;
import org.junit.platform.launcher.TestIdentifier;
import org.junit.platform.launcher.TestPlan;

/**
 * Says where a test hangs, and ends its process: else the run of all tests never ends, and nobody
 * learns why.
 */
public final class HangWatch implements TestExecutionListener {
  private static final Duration LONG = Duration.ofMinutes(6);
  private static final Duration TOO_LONG = Duration.ofMinutes(12);
  private static final long PERIOD_MILLIS = 10_000;
  private static final int HUNG = 97;

  private final Map<TestIdentifier, Long> running = new ConcurrentHashMap<>();

  private final Set<TestIdentifier> reported = ConcurrentHashMap.newKeySet();

  @Override
  public void testPlanExecutionStarted(TestPlan plan) {
    Thread thread = new Thread(this::watch, "hang-watch");
    thread.setDaemon(true);
    thread.start();
  }

  @Override
  public void executionStarted(TestIdentifier test) {
    if (test.isTest()) {
      running.put(test, System.nanoTime());
    }
  }

  @Override
  public void executionFinished(TestIdentifier test, TestExecutionResult result) {
    running.remove(test);
  }

  private void watch() {
    while (true) {
      try {
        Thread.sleep(PERIOD_MILLIS);
      } catch (InterruptedException e) {
        return;
      }
      running.forEach(this::look);
    }
  }

  private void look(TestIdentifier test, long begin) {
    long nanos = System.nanoTime() - begin;
    if (nanos > LONG.toNanos() && reported.add(test)) {
      report(test, nanos);
    }
    if (nanos > TOO_LONG.toNanos()) {
      report(test, nanos);
      Runtime.getRuntime().halt(HUNG);
    }
  }

  private void report(TestIdentifier test, long nanos) {
    StringBuilder text = new StringBuilder();
    text.append(test.getUniqueId())
        .append(" has run for ")
        .append(Duration.ofNanos(nanos).toSeconds())
        .append(" s; all threads:\n");
    Thread.getAllStackTraces()
        .forEach(
            (thread, stack) -> {
              text.append('"').append(thread.getName()).append("\" ").append(thread.getState());
              text.append('\n');
              for (StackTraceElement element : stack) {
                text.append("    at ").append(element).append('\n');
              }
            });
    text.append("as Linux sees them (name, state, user and system ticks):\n");
    try (DirectoryStream<Path> tasks = Files.newDirectoryStream(Path.of("/proc/self/task"))) {
      for (Path task : tasks) {
        text.append(task.getFileName()).append(' ').append(line(task)).append('\n');
      }
    } catch (IOException e) {
      text.append(e.getMessage()).append('\n');
    }
    System.err.println(text);
  }

  /** From a thread's stat: its name in parentheses, then its state; times are the 14th and 15th. */
  private static String line(Path task) {
    try {
      String stat = Files.readString(task.resolve("stat"));
      int end = stat.lastIndexOf(')');
      List<String> rest = List.of(stat.substring(end + 2).split(" "));
      return stat.substring(stat.indexOf('('), end + 1)
          + ' '
          + rest.get(0)
          + ' '
          + rest.get(11)
          + ' '
          + rest.get(12);
    } catch (IOException e) {
      return "ended";
    }
  }
}
