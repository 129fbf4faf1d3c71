package io.resfuse.benchmarks.peers;

import io.resfuse.bench.CompetitorException;
import io.resfuse.bench.Entry;
import io.resfuse.bench.Latencies;
import io.resfuse.bench.Task;
import io.resfuse.engine.Engine;
import io.resfuse.verify.Parity;
import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/**
 * The other end of a {@link Worker}. The process has a folder of its own, with the log of what it
 * prints; the folder stays if the process died. One owner: not thread-safe.
 */
final class WorkerProcess implements Entry {
  private static final int GRACE_SECONDS = 10;

  /** How long it may take longer than it was asked to run: one step can take minutes. */
  private static final long PATIENCE_SECONDS = Long.getLong("resfuse.peers.patience", 600);

  private final PeerKind kind;
  private final Path folder;
  private final Process process;
  private final DataInputStream in;
  private final DataOutputStream out;
  private boolean failed;
  private volatile boolean gaveUp;

  private WorkerProcess(PeerKind kind, Path folder, Process process) {
    this.kind = kind;
    this.folder = folder;
    this.process = process;
    this.in = new DataInputStream(new BufferedInputStream(process.getInputStream()));
    this.out = new DataOutputStream(new BufferedOutputStream(process.getOutputStream()));
  }

  /** Starts a process and gives it a task; {@link #prepare} waits until it is ready. */
  static WorkerProcess start(PeerKind kind, Task task, Parity data, int threads) {
    try {
      Path folder = Files.createTempDirectory("resfuse-bench-" + kind + "-");
      PeerTask.write(folder, task, kind.precision(task.workload()), data);
      List<String> command =
          new ArrayList<>(
              List.of(
                  Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                  // A LibTorch that the system has must not be mixed with the one in the jar.
                  "-Djava.library.path=" + folder,
                  Worker.class.getName(),
                  kind.toString(),
                  Boolean.toString(task.workload().mode() == Engine.Mode.TRAINING),
                  Integer.toString(threads)));
      if (Runtime.version().feature() >= 22) {
        command.add(1, "--enable-native-access=ALL-UNNAMED");
      }
      ProcessBuilder builder = new ProcessBuilder(command);
      builder.redirectError(log(folder).toFile());
      builder.environment().put("OMP_NUM_THREADS", Integer.toString(threads));
      builder.environment().put("OPENBLAS_NUM_THREADS", "1");
      // Not on the command line, which ONNX Runtime 1.29 searches recursively as it starts: some
      // kilobytes of it overflow the stack of a Java thread.
      builder.environment().put("CLASSPATH", System.getProperty("java.class.path"));
      builder.environment().putAll(kind.environment());
      // What a crashed JVM leaves behind belongs with the log, not where the user happens to be.
      builder.directory(folder.toFile());
      return new WorkerProcess(kind, folder, builder.start());
    } catch (IOException e) {
      throw new UncheckedIOException(kind + " cannot be started: " + e.getMessage(), e);
    }
  }

  private static Path log(Path folder) {
    return folder.resolve("log.txt");
  }

  /** Waits until it is ready. Returns name and version. */
  String prepare() {
    try {
      return answerTo(Worker.Request.PREPARE, in::readUTF);
    } finally {
      PeerTask.delete(folder);
    }
  }

  private interface Reader<T> {
    T read() throws IOException;
  }

  private <T> T answerTo(Worker.Request request, Reader<T> reader) {
    return answerTo(request, 0, reader);
  }

  private <T> T answerTo(Worker.Request request, long nanos, Reader<T> reader) {
    CompletableFuture<Void> alarm =
        CompletableFuture.runAsync(
            this::giveUp,
            CompletableFuture.delayedExecutor(
                nanos + TimeUnit.SECONDS.toNanos(PATIENCE_SECONDS), TimeUnit.NANOSECONDS));
    try {
      out.writeByte(request.ordinal());
      out.writeLong(nanos);
      out.flush();
      if (in.readBoolean()) {
        return reader.read();
      }
      failed = true;
      throw new CompetitorException(in.readUTF() + "; more is in " + log(folder));
    } catch (IOException e) {
      failed = true;
      throw new CompetitorException(
          gaveUp
              ? "it did not answer for %d s when it was asked to %s; what it printed is in %s"
                  .formatted(PATIENCE_SECONDS, request, log(folder))
              : "it died%s while it was asked to %s; what it printed is in %s"
                  .formatted(exitCode(), request, log(folder)),
          e);
    } finally {
      alarm.cancel(false);
    }
  }

  /** Ends the process, whose pipe then ends. */
  private void giveUp() {
    gaveUp = true;
    process.destroyForcibly();
  }

  /** How it ended, where it has. */
  private String exitCode() {
    try {
      return process.waitFor(GRACE_SECONDS, TimeUnit.SECONDS)
          ? " (exit code " + process.exitValue() + ")"
          : "";
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return "";
    }
  }

  @Override
  public void run(long nanos, Latencies latencies) {
    answerTo(
        Worker.Request.RUN,
        nanos,
        () -> {
          int count = in.readInt();
          for (int i = 0; i < count; i++) {
            latencies.add(in.readLong());
          }
          return count;
        });
  }

  @Override
  public float[] answer() {
    return answerTo(
        Worker.Request.ANSWER,
        () -> {
          float[] logits = new float[in.readInt()];
          for (int i = 0; i < logits.length; i++) {
            logits[i] = in.readFloat();
          }
          return logits;
        });
  }

  @Override
  public void close() {
    try {
      // The end of its input ends it.
      out.close();
      if (!process.waitFor(GRACE_SECONDS, TimeUnit.SECONDS)) {
        process.destroyForcibly();
      }
    } catch (IOException e) {
      process.destroyForcibly();
    } catch (InterruptedException e) {
      process.destroyForcibly();
      Thread.currentThread().interrupt();
    }
    if (!failed) {
      log(folder).toFile().delete();
      folder.toFile().delete();
    }
  }
}
