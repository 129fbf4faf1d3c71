package io.resfuse.quantize;

import io.resfuse.engine.InferencePlan;
import io.resfuse.engine.LoadedNetwork;
import io.resfuse.engine.PlanRequest;
import io.resfuse.tensor.TensorLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;

/**
 * Runs pictures one by one through plans for one image, as many at a time as there are workers:
 * what comes out of a picture does not depend on how many there are.
 */
final class Passes {
  private final Pictures pictures;
  private final int workers;

  Passes(Pictures pictures, int workers) {
    this.pictures = pictures;
    this.workers = Math.max(1, Math.min(workers, pictures.count()));
  }

  Pictures pictures() {
    return pictures;
  }

  PlanRequest request(Set<String> outputs) {
    return new PlanRequest(1, pictures.height(), pictures.width(), TensorLayout.NCHW, outputs);
  }

  /** Is shown every picture once, with a plan of the worker's own, by several threads at a time. */
  interface Visitor extends AutoCloseable {
    void visit(int picture);

    @Override
    void close();
  }

  /**
   * Shows the first pictures.
   *
   * @param count how many
   * @param visitors makes one for each worker; what it opens, it closes
   */
  void over(int count, Supplier<Visitor> visitors) {
    AtomicInteger next = new AtomicInteger();
    ExecutorService threads = Executors.newFixedThreadPool(workers);
    try {
      List<Future<?>> running = new ArrayList<>();
      for (int w = 0; w < workers; w++) {
        running.add(threads.submit(() -> work(count, next, visitors)));
      }
      for (Future<?> one : running) {
        join(one);
      }
    } finally {
      threads.shutdownNow();
    }
  }

  private static void work(int count, AtomicInteger next, Supplier<Visitor> visitors) {
    try (Visitor visitor = visitors.get()) {
      for (int i = next.getAndIncrement(); i < count; i = next.getAndIncrement()) {
        visitor.visit(i);
      }
    }
  }

  private static void join(Future<?> one) {
    try {
      one.get();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new QuantizationException("interrupted");
    } catch (ExecutionException e) {
      if (e.getCause() instanceof RuntimeException cause) {
        throw cause;
      }
      throw new IllegalStateException(e.getCause());
    }
  }

  /** A plan and what is done with its outputs. */
  abstract static class PlanVisitor implements Visitor {
    private final Pictures pictures;
    final InferencePlan plan;

    PlanVisitor(Pictures pictures, LoadedNetwork network, PlanRequest request) {
      this.pictures = pictures;
      this.plan = network.plan(request);
    }

    abstract void look(int picture);

    @Override
    public void visit(int picture) {
      pictures.write(picture, plan.input());
      plan.run();
      look(picture);
    }

    @Override
    public void close() {
      plan.close();
    }
  }
}
