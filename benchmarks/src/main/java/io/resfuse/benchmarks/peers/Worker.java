package io.resfuse.benchmarks.peers;

import io.resfuse.bench.Entry;
import io.resfuse.bench.Latencies;
import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Path;

/**
 * A peer in a process of its own, in the folder with its {@link PeerTask}. Arguments: peer, whether
 * it trains, threads.
 *
 * <p>A request is a byte, the ordinal of a {@link Request}, and a long. Its answer is {@code true}
 * and what the request says, or {@code false}, a line with the reason, and the end of the process.
 */
final class Worker {
  /** What it is asked for. */
  enum Request {
    /** Answered by name and version, UTF. */
    PREPARE,
    /** Runs once. Answered by the number of logits, an int, and the logits, floats. */
    ANSWER,
    /** Runs for the long's nanoseconds. Answered by a count, an int, and the latencies, longs. */
    RUN;

    @Override
    public String toString() {
      return switch (this) {
        case PREPARE -> "prepare";
        case ANSWER -> "answer";
        case RUN -> "run";
      };
    }
  }

  private final Peer peer;
  private final DataInputStream in;
  private final DataOutputStream out;

  private Worker(Peer peer, DataInputStream in, DataOutputStream out) {
    this.peer = peer;
    this.in = in;
    this.out = out;
  }

  public static void main(String[] arguments) throws IOException {
    PrintStream pipe = System.out;
    // Libraries print what they like to standard output; the pipe keeps the real one.
    System.setOut(System.err);
    try (Peer peer = PeerKind.of(arguments[0]).open()) {
      new Worker(
              peer,
              new DataInputStream(new BufferedInputStream(System.in)),
              new DataOutputStream(new BufferedOutputStream(pipe)))
          .serve(Boolean.parseBoolean(arguments[1]), Integer.parseInt(arguments[2]));
    }
  }

  private void serve(boolean training, int threads) throws IOException {
    for (int request = in.read(); request >= 0; request = in.read()) {
      long nanos = in.readLong();
      try {
        serve(Request.values()[request], nanos, training, threads);
        out.flush();
      } catch (PeerFailure e) {
        e.printStackTrace();
        out.writeBoolean(false);
        out.writeUTF(e.getMessage().lines().findFirst().orElse("it failed"));
        out.flush();
        return;
      }
    }
  }

  /** What a peer threw. */
  private static final class PeerFailure extends RuntimeException {
    private static final long serialVersionUID = 1;

    PeerFailure(Throwable cause) {
      super(cause.getMessage() == null ? cause.toString() : cause.getMessage(), cause);
    }
  }

  private void serve(Request request, long nanos, boolean training, int threads)
      throws IOException {
    switch (request) {
      case PREPARE -> {
        guarded(() -> peer.prepare(PeerTask.read(Path.of(""), training, threads)));
        out.writeBoolean(true);
        out.writeUTF(peer.describe());
      }
      case ANSWER -> {
        guarded(peer::iterate);
        float[] logits = peer.answer();
        out.writeBoolean(true);
        out.writeInt(logits.length);
        for (float logit : logits) {
          out.writeFloat(logit);
        }
      }
      case RUN -> {
        Latencies latencies = new Latencies();
        Entry.loop(() -> guarded(peer::iterate), nanos, latencies);
        long[] durations = latencies.toArray();
        out.writeBoolean(true);
        out.writeInt(durations.length);
        for (long duration : durations) {
          out.writeLong(duration);
        }
      }
    }
  }

  private interface Action {
    void run() throws Exception;
  }

  /** Tells what a peer throws from what the pipe does. */
  private static void guarded(Action action) {
    try {
      action.run();
    } catch (Exception | LinkageError | OutOfMemoryError e) {
      throw new PeerFailure(e);
    }
  }
}
