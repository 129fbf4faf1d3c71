package io.resfuse.benchmarks.compare;

import io.resfuse.benchmarks.peers.Peer;
import io.resfuse.benchmarks.peers.Workload;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;

/**
 * A peer in a process of its own, told by lines on standard input what to do. Processes are apart
 * because two OpenMP runtimes in one would spin against each other.
 *
 * <p>Arguments: peer, workload, threads. Answers {@code ready DESCRIPTION} or {@code refused
 * REASON}; then to {@code answer} the numbers to be checked, to {@code run SECONDS} {@code
 * ITERATIONS NANOS}, to {@code quit} nothing.
 */
final class Worker {
  private Worker() {}

  public static void main(String[] arguments) throws Exception {
    PrintStream out = System.out;
    // Libraries print what they like to standard output; the protocol keeps the real one.
    System.setOut(System.err);
    BufferedReader in =
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    Workload workload = Workload.parse(arguments[1], Integer.parseInt(arguments[2]));
    try (Peer peer = Peer.ALL.get(arguments[0]).get()) {
      String refusal = peer.refuses(workload);
      if (refusal != null) {
        out.println("refused " + refusal);
        return;
      }
      peer.prepare(workload);
      peer.iterate();
      float[] answer = peer.answer().clone();
      out.println("ready " + peer.describe());
      for (String line = in.readLine();
          line != null && !line.equals("quit");
          line = in.readLine()) {
        if (line.equals("answer")) {
          StringBuilder text = new StringBuilder();
          for (float value : answer) {
            text.append(value).append(' ');
          }
          out.println(text.toString().trim());
        } else {
          double seconds = Double.parseDouble(line.substring("run ".length()));
          out.println(run(peer, seconds));
        }
      }
    }
  }

  private static String run(Peer peer, double seconds) throws Exception {
    long start = System.nanoTime();
    long end = start + (long) (seconds * 1e9);
    int iterations = 0;
    long now;
    do {
      peer.iterate();
      iterations++;
      now = System.nanoTime();
    } while (now < end);
    return iterations + " " + (now - start);
  }
}
