package io.resfuse.engine;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.Semaphore;
import java.util.function.Function;

/**
 * Plans of one {@link LoadedNetwork} that many threads share by borrowing. Thread-safe.
 *
 * <p>At most a given number of plans run at once; further borrowers wait in the order of their
 * calls. Closing refuses new borrowers, lets running ones finish, and frees every plan and the
 * network.
 */
public final class PlanPool implements AutoCloseable {
  private final LoadedNetwork network;
  private final int concurrency;
  private final Semaphore permits;
  private final int maxIdle;

  /** Those not in use; the one that was used last comes first. */
  private final Deque<InferencePlan> idle = new ArrayDeque<>();

  private boolean closed;

  /**
   * A pool.
   *
   * @param network from which plans are made; owned, and closed with the pool
   * @param concurrency how many plans may run at once
   * @param maxIdle how many unused plans are kept, the least recently used are freed
   */
  public PlanPool(LoadedNetwork network, int concurrency, int maxIdle) {
    this.network = network;
    this.concurrency = concurrency;
    this.permits = new Semaphore(concurrency, true);
    this.maxIdle = maxIdle;
  }

  /**
   * Of which plans are made.
   *
   * @return the network, which closes with the pool
   */
  public LoadedNetwork network() {
    return network;
  }

  /**
   * How many plans may run at once.
   *
   * @return as it was given
   */
  public int concurrency() {
    return concurrency;
  }

  /**
   * Borrows a plan for the length of a call.
   *
   * @param <T> what the call returns
   * @param request which plan
   * @param use writes its input, runs it, reads its outputs; must not keep it
   * @return what {@code use} returned
   * @throws IllegalStateException if the pool is closed
   */
  public <T> T with(PlanRequest request, Function<InferencePlan, T> use) {
    permits.acquireUninterruptibly();
    try {
      InferencePlan plan = take(request);
      boolean done = false;
      try {
        T result = use.apply(plan);
        done = true;
        return result;
      } finally {
        if (done) {
          giveBack(plan);
        } else {
          plan.close();
        }
      }
    } finally {
      permits.release();
    }
  }

  private InferencePlan take(PlanRequest request) {
    synchronized (this) {
      if (closed) {
        throw new IllegalStateException("model " + network.network().name() + " is closed");
      }
      for (InferencePlan plan : idle) {
        if (plan.request().equals(request)) {
          idle.removeFirstOccurrence(plan);
          return plan;
        }
      }
    }
    try {
      return network.plan(request);
    } catch (EngineException e) {
      // Unused plans may have the memory that is short.
      if (!closeIdle()) {
        throw e;
      }
      return network.plan(request);
    }
  }

  /** Frees all plans that are not in use, and says whether there were any. */
  private boolean closeIdle() {
    List<InferencePlan> unused;
    synchronized (this) {
      unused = List.copyOf(idle);
      idle.clear();
    }
    unused.forEach(InferencePlan::close);
    return !unused.isEmpty();
  }

  private void giveBack(InferencePlan plan) {
    InferencePlan toClose = null;
    synchronized (this) {
      if (closed || maxIdle == 0) {
        toClose = plan;
      } else {
        idle.addFirst(plan);
        if (idle.size() > maxIdle) {
          toClose = idle.removeLast();
        }
      }
    }
    if (toClose != null) {
      toClose.close();
    }
  }

  /** Refuses new borrowers and frees what is not in use; plans in use are freed when given back. */
  @Override
  public void close() {
    List<InferencePlan> toClose;
    synchronized (this) {
      if (closed) {
        return;
      }
      closed = true;
      toClose = List.copyOf(idle);
      idle.clear();
    }
    toClose.forEach(InferencePlan::close);
    network.close();
  }
}
