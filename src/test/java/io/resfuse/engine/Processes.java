package io.resfuse.engine;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.SynchronousQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Function;

/** Processes that train together, as threads of this one. */
public final class Processes {
  private final int count;
  private final List<List<SynchronousQueue<ByteBuffer>>> queues = new ArrayList<>();
  private final AtomicBoolean failed = new AtomicBoolean();

  private Processes(int count) {
    this.count = count;
    for (int i = 0; i < count; i++) {
      List<SynchronousQueue<ByteBuffer>> row = new ArrayList<>();
      for (int j = 0; j < count; j++) {
        row.add(new SynchronousQueue<>());
      }
      queues.add(row);
    }
  }

  /** One that counts what it sends. */
  public final class Member implements Communicator {
    private final int rank;
    private final AtomicLong bytes = new AtomicLong();

    private Member(int rank) {
      this.rank = rank;
    }

    @Override
    public int rank() {
      return rank;
    }

    @Override
    public int size() {
      return count;
    }

    /** Bytes that it has sent. */
    public long bytes() {
      return bytes.get();
    }

    /** Pairs meet in the same order in all threads: by the exclusive or of their numbers. */
    @Override
    public void exchange(ByteBuffer[] sent, ByteBuffer[] received) {
      for (int mask = 1; mask < count; mask++) {
        int peer = rank ^ mask;
        bytes.addAndGet(sent[peer].remaining());
        if (rank < peer) {
          give(peer, sent[peer]);
          take(peer, received[peer]);
        } else {
          take(peer, received[peer]);
          give(peer, sent[peer]);
        }
      }
    }

    private void give(int peer, ByteBuffer bytesForIt) {
      ByteBuffer copy = ByteBuffer.allocate(bytesForIt.remaining()).put(bytesForIt).flip();
      try {
        while (!queues.get(rank).get(peer).offer(copy, 50, TimeUnit.MILLISECONDS)) {
          check();
        }
      } catch (InterruptedException e) {
        throw new IllegalStateException(e);
      }
    }

    private void take(int peer, ByteBuffer target) {
      try {
        ByteBuffer from = null;
        while (from == null) {
          from = queues.get(peer).get(rank).poll(50, TimeUnit.MILLISECONDS);
          check();
        }
        if (from.remaining() != target.remaining()) {
          throw new EngineException(
              "got %d bytes in place of %d".formatted(from.remaining(), target.remaining()));
        }
        target.put(from);
      } catch (InterruptedException e) {
        throw new IllegalStateException(e);
      }
    }

    private void check() {
      if (failed.get()) {
        throw new EngineException("another process has failed");
      }
    }
  }

  /**
   * Runs something in each.
   *
   * @return what it gave, by number
   */
  public static <T> List<T> run(int count, Function<Member, T> body) {
    Processes processes = new Processes(count);
    List<CompletableFuture<T>> futures = new ArrayList<>();
    for (int rank = 0; rank < count; rank++) {
      Member member = processes.new Member(rank);
      CompletableFuture<T> future = new CompletableFuture<>();
      Thread thread =
          new Thread(
              () -> {
                try {
                  future.complete(body.apply(member));
                } catch (Throwable e) {
                  processes.failed.set(true);
                  future.completeExceptionally(e);
                }
              },
              "process-" + rank);
      thread.setDaemon(true);
      thread.start();
      futures.add(future);
    }
    RuntimeException first = null;
    List<T> results = new ArrayList<>();
    for (CompletableFuture<T> future : futures) {
      try {
        results.add(future.join());
      } catch (CompletionException e) {
        if (first == null || !(e.getCause() instanceof EngineException)) {
          first = e;
        }
      }
    }
    if (first != null) {
      throw first;
    }
    return results;
  }
}
