package io.resfuse.engine;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;

/**
 * Tells all processes of a training a few numbers of each; running allocates nothing. One owner:
 * not thread-safe.
 */
public final class Gathering {
  private final Communicator processes;
  private final int count;
  private final long[] all;
  private final ByteBuffer[] sent;
  private final ByteBuffer[] received;

  /**
   * Allocates.
   *
   * @param processes that take part, each with the same count; not owned
   * @param count of the numbers of one of them
   */
  public Gathering(Communicator processes, int count) {
    this.processes = processes;
    this.count = count;
    this.all = new long[Math.multiplyExact(processes.size(), count)];
    this.sent = new ByteBuffer[processes.size()];
    this.received = new ByteBuffer[processes.size()];
    for (int rank = 0; rank < sent.length; rank++) {
      sent[rank] = buffer();
      received[rank] = buffer();
    }
  }

  private ByteBuffer buffer() {
    return ByteBuffer.allocateDirect(Math.multiplyExact(Long.BYTES, count))
        .order(ByteOrder.LITTLE_ENDIAN);
  }

  /**
   * Gives all numbers to all.
   *
   * @param own this process's
   * @return those of process 0, then of 1, and so on: the same array always
   */
  public long[] run(long... own) {
    int mine = processes.rank() * count;
    for (int i = 0; i < count; i++) {
      all[mine + i] = own[i];
    }
    if (processes.size() > 1) {
      exchange(own);
    }
    return all;
  }

  private void exchange(long[] own) {
    for (int rank = 0; rank < sent.length; rank++) {
      sent[rank].clear();
      received[rank].clear();
      for (int i = 0; i < count; i++) {
        sent[rank].putLong(Long.BYTES * i, own[i]);
      }
    }
    processes.exchange(sent, received);
    for (int rank = 0; rank < received.length; rank++) {
      for (int i = 0; rank != processes.rank() && i < count; i++) {
        all[rank * count + i] = received[rank].getLong(Long.BYTES * i);
      }
    }
  }

  /**
   * Adds numbers over the processes.
   *
   * @param own this process's
   * @param sums gets the sums
   */
  public void sum(long[] own, long[] sums) {
    long[] gathered = run(own);
    Arrays.fill(sums, 0);
    for (int i = 0; i < gathered.length; i++) {
      sums[i % count] += gathered[i];
    }
  }
}
