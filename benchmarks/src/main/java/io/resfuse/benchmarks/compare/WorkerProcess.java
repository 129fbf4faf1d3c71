package io.resfuse.benchmarks.compare;

import io.resfuse.benchmarks.peers.Workload;
import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStreamWriter;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** The other end of a {@link Worker}. */
final class WorkerProcess implements AutoCloseable {
  private final Process process;
  private final BufferedReader in;
  private final PrintWriter out;
  private final String description;
  private final String refusal;

  WorkerProcess(String peer, Workload workload, File log) throws IOException {
    List<String> command =
        new ArrayList<>(
            List.of(
                ProcessHandle.current().info().command().orElse("java"),
                "-Xmx3g",
                // A LibTorch that the system has must not be mixed with the one in the jar.
                "-Djava.library.path=" + log.getParent(),
                "-cp",
                System.getProperty("java.class.path"),
                Worker.class.getName(),
                peer,
                workload.toString(),
                Integer.toString(workload.threads())));
    if (Runtime.version().feature() >= 22) {
      command.add(1, "--enable-native-access=ALL-UNNAMED");
    }
    ProcessBuilder builder = new ProcessBuilder(command);
    builder.redirectError(ProcessBuilder.Redirect.appendTo(log));
    builder.environment().put("OMP_NUM_THREADS", Integer.toString(workload.threads()));
    builder.environment().put("OPENBLAS_NUM_THREADS", "1");
    // What a crashed JVM leaves behind belongs with the log, not where the user happens to be.
    builder.directory(log.getParentFile());
    process = builder.start();
    in =
        new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
    out =
        new PrintWriter(
            new OutputStreamWriter(process.getOutputStream(), StandardCharsets.UTF_8), true);
    String first = in.readLine();
    if (first == null || !(first.startsWith("ready ") || first.startsWith("refused "))) {
      process.destroyForcibly();
      throw new IOException(
          peer + " died while it prepared " + workload + "; what it printed is in " + log);
    }
    description = first.startsWith("ready ") ? first.substring("ready ".length()) : peer;
    refusal = first.startsWith("refused ") ? first.substring("refused ".length()) : null;
  }

  String description() {
    return description;
  }

  /** Why the peer cannot do the workload, or null. */
  String refusal() {
    return refusal;
  }

  float[] answer() throws IOException {
    String[] words = ask("answer").split(" ");
    float[] numbers = new float[words.length];
    for (int i = 0; i < words.length; i++) {
      numbers[i] = Float.parseFloat(words[i]);
    }
    return numbers;
  }

  /** Runs for about so long; iterations per second. */
  double run(double seconds) throws IOException {
    String[] words = ask("run " + seconds).split(" ");
    return Long.parseLong(words[0]) * 1e9 / Long.parseLong(words[1]);
  }

  private String ask(String question) throws IOException {
    out.println(question);
    String answer = in.readLine();
    if (answer == null) {
      throw new IOException(description + " died while it was asked to " + question);
    }
    return answer;
  }

  @Override
  public void close() {
    out.println("quit");
    try {
      if (!process.waitFor(10, TimeUnit.SECONDS)) {
        process.destroyForcibly();
      }
    } catch (InterruptedException e) {
      process.destroyForcibly();
      Thread.currentThread().interrupt();
    }
  }
}
