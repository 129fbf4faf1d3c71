package io.resfuse;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** A process that runs a class of the tests, to be killed or to be another user of a folder. */
public final class ChildJvm implements AutoCloseable {
  private final Process process;
  private final BufferedReader lines;

  private ChildJvm(Process process) {
    this.process = process;
    this.lines = process.inputReader();
  }

  /** The command that runs a class with this JVM, class path and locale. */
  public static ProcessBuilder command(List<String> options, Class<?> main, Object... arguments) {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(
        List.of(
            "-Xmx512m",
            "-XX:TieredStopAtLevel=1",
            "-XX:+UseSerialGC",
            "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"));
    command.addAll(options);
    command.addAll(
        List.of(
            "-cp",
            System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")),
            main.getName()));
    Arrays.stream(arguments).map(String::valueOf).forEach(command::add);
    return new ProcessBuilder(command).redirectErrorStream(true);
  }

  public static ChildJvm start(Class<?> main, Object... arguments) throws IOException {
    return start(command(List.of(), main, arguments));
  }

  public static ChildJvm start(ProcessBuilder command) throws IOException {
    return new ChildJvm(command.start());
  }

  /** Waits until it has printed a line. */
  public void awaitLine(String line) throws IOException {
    StringBuilder before = new StringBuilder();
    for (String each = lines.readLine(); !line.equals(each); each = lines.readLine()) {
      if (each == null) {
        throw new AssertionError("the process ended without printing '" + line + "':\n" + before);
      }
      before.append(each).append('\n');
    }
  }

  /** Waits for its end; all that it has printed since the last line that was waited for. */
  public String output() throws IOException, InterruptedException {
    StringBuilder text = new StringBuilder();
    for (String each = lines.readLine(); each != null; each = lines.readLine()) {
      text.append(each).append('\n');
    }
    process.waitFor();
    return text.toString();
  }

  /** Its exit status; waits for its end. */
  public int status() throws InterruptedException {
    return process.waitFor();
  }

  public boolean isAlive() {
    return process.isAlive();
  }

  /** Kills it (SIGKILL) and waits until it is gone. */
  @Override
  public void close() {
    process.destroyForcibly();
    process.onExit().join();
  }
}
