package io.resfuse.engine;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A network whose plans keep within a budget: where a batch is too large for what is left, a plan
 * runs parts of it one after the other. Thread-safe.
 */
final class CappedNetwork implements LoadedNetwork {
  private final LoadedNetwork loaded;
  private final MemoryBudget budget;
  private int plans;
  private boolean closed;

  /**
   * Counts the weights at once.
   *
   * @throws EngineException if they alone are too much
   */
  CappedNetwork(LoadedNetwork loaded, MemoryBudget budget) {
    this.loaded = loaded;
    this.budget = budget;
    synchronized (budget) {
      if (loaded.weightBytes() > budget.left()) {
        throw new EngineException(
            String.format(
                "the weights of %s take %s, there are %s; allow more",
                loaded.network().name(),
                MemoryBudget.mib(loaded.weightBytes()),
                budget.describe()));
      }
      budget.add(loaded);
    }
  }

  @Override
  public NetworkSpec network() {
    return loaded.network();
  }

  @Override
  public long weightBytes() {
    return loaded.weightBytes();
  }

  /** Of the whole batch at a time; a plan may take less. */
  @Override
  public PlanMemory memory(PlanRequest request) {
    return loaded.memory(request);
  }

  @Override
  public InferencePlan plan(PlanRequest request) {
    return plan(loaded, request);
  }

  /** On one of the devices, or on all. */
  private InferencePlan plan(LoadedNetwork of, PlanRequest request) {
    synchronized (budget) {
      for (int parts = 1; ; parts *= 2) {
        int images = (request.batch() + parts - 1) / parts;
        boolean isLast = images == 1 || request.onDevice();
        InferencePlan part = planPart(of, request.withBatch(images), isLast);
        if (part != null) {
          return count(part, request);
        }
      }
    }
  }

  private InferencePlan count(InferencePlan part, PlanRequest request) {
    boolean done = false;
    try {
      long bytes = taken(part.memory());
      InferencePlan plan = new CappedPlan(part, request, () -> isClosed(bytes));
      budget.take(bytes);
      plans++;
      done = true;
      return plan;
    } finally {
      if (!done) {
        part.close();
      }
    }
  }

  /** A plan, or null if it is too large and there may be smaller ones. */
  private @Nullable InferencePlan planPart(LoadedNetwork of, PlanRequest request, boolean isLast) {
    PlanMemory memory = of.memory(request);
    long needed = taken(memory) + Math.max(0, memory.weights() - of.weightBytes());
    if (needed <= budget.left()) {
      InferencePlan plan = of.plan(request);
      // Weights that an earlier plan wanted in another layout are there twice now.
      if (taken(plan.memory()) <= budget.left()) {
        return plan;
      }
      plan.close();
    }
    if (!isLast) {
      return null;
    }
    throw new EngineException(
        String.format(
            "a plan of %s for %s of %dx%d needs %s, there are %s;"
                + " close other plans, or allow more",
            network().name(),
            request.batch() == 1 ? "one image" : request.batch() + " images on the device",
            request.height(),
            request.width(),
            MemoryBudget.mib(needed),
            budget.describe()));
  }

  /** What a plan takes beside the weights. */
  private static long taken(PlanMemory memory) {
    return memory.activations() + memory.workspace();
  }

  @Override
  public List<LoadedNetwork> onDevices() {
    List<LoadedNetwork> devices = loaded.onDevices();
    return devices.size() == 1
        ? List.of(this)
        : devices.stream().<LoadedNetwork>map(one -> new OnDevice(this, one)).toList();
  }

  /** One of several devices, whose plans count with those of the others. */
  private record OnDevice(CappedNetwork all, LoadedNetwork one) implements LoadedNetwork {
    @Override
    public NetworkSpec network() {
      return one.network();
    }

    @Override
    public long weightBytes() {
      return one.weightBytes();
    }

    @Override
    public PlanMemory memory(PlanRequest request) {
      return one.memory(request);
    }

    @Override
    public InferencePlan plan(PlanRequest request) {
      return all.plan(one, request);
    }

    /** Closes with the others. */
    @Override
    public void close() {}
  }

  private void isClosed(long bytes) {
    synchronized (budget) {
      budget.giveBack(bytes);
      plans--;
      forgetIfFreed();
    }
  }

  private void forgetIfFreed() {
    if (closed && plans == 0) {
      budget.remove(loaded);
    }
  }

  @Override
  public void close() {
    synchronized (budget) {
      closed = true;
      loaded.close();
      forgetIfFreed();
    }
  }
}
