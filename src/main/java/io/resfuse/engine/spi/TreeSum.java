package io.resfuse.engine.spi;

import io.resfuse.engine.Communicator;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;

/**
 * Floats of several processes added by {@link ShardTree} over the processes' numbers, so that each
 * has the sums. With N processes and G bytes each sends 2 G (N - 1) / N bytes, the least with which
 * all can have the sum of all (Patarasuk and Yuan 2009, "Bandwidth optimal all-reduce algorithms
 * for clusters of workstations"): each gets the others' floats of its N-th part, adds them, and
 * sends the sums to all. Running allocates nothing. One owner: not thread-safe.
 */
final class TreeSum {
  private final Communicator processes;
  private final ByteBuffer bytes;
  private final FloatBuffer values;

  /** By the number of a process its part of the values. */
  private final ByteBuffer[] parts;

  /** For each process this one's part, of which all get the sums. */
  private final ByteBuffer[] sums;

  /** For each process what it has of this one's part; its own lies among the values. */
  private final ByteBuffer[] received;

  private final FloatBuffer[] summands;
  private final ShardTree.Addition addition = this::add;
  private final long scratchBytes;

  /**
   * Allocates.
   *
   * @param processes that take part; not owned
   * @param count of floats, the same in all of them
   */
  TreeSum(Communicator processes, int count) {
    int size = processes.size();
    this.processes = processes;
    this.bytes = direct(count);
    this.values = bytes.asFloatBuffer();
    this.parts = new ByteBuffer[size];
    this.sums = new ByteBuffer[size];
    this.received = new ByteBuffer[size];
    this.summands = new FloatBuffer[size];
    int rank = processes.rank();
    int begin = begin(count, rank);
    int length = begin(count, rank + 1) - begin;
    for (int p = 0; p < size; p++) {
      int from = begin(count, p);
      parts[p] = slice(from, begin(count, p + 1) - from);
      sums[p] = slice(begin, length);
      received[p] = p == rank ? slice(begin, length) : direct(length);
      summands[p] = received[p].asFloatBuffer();
    }
    this.scratchBytes = (long) Float.BYTES * length * (size - 1);
  }

  private int begin(int count, int process) {
    return (int) ((long) count * process / processes.size());
  }

  private static ByteBuffer direct(int floats) {
    return ByteBuffer.allocateDirect(Math.multiplyExact(Float.BYTES, floats))
        .order(ByteOrder.LITTLE_ENDIAN);
  }

  private ByteBuffer slice(int from, int floats) {
    return bytes.slice(Float.BYTES * from, Float.BYTES * floats).order(ByteOrder.LITTLE_ENDIAN);
  }

  /** What is added, to be written before and read after {@link #run}. */
  FloatBuffer values() {
    return values;
  }

  /** What it has allocated, in bytes. */
  long bytes() {
    return bytes.capacity() + scratchBytes;
  }

  /** Adds. */
  void run() {
    clear(parts);
    clear(received);
    processes.exchange(parts, received);
    ShardTree.reduce(summands.length, addition);
    int rank = processes.rank();
    if (rank != 0) {
      summands[rank].put(0, summands[0], 0, summands[0].capacity());
    }
    clear(sums);
    clear(parts);
    processes.exchange(sums, parts);
  }

  private static void clear(ByteBuffer[] buffers) {
    for (ByteBuffer buffer : buffers) {
      buffer.clear();
    }
  }

  private void add(int into, int from) {
    FloatBuffer target = summands[into];
    FloatBuffer source = summands[from];
    for (int i = 0; i < target.capacity(); i++) {
      target.put(i, target.get(i) + source.get(i));
    }
  }
}
