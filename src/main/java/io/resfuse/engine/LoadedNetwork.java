package io.resfuse.engine;

import java.util.List;

/**
 * A network whose weights lie in an engine's memory, packed once and shared by all its plans.
 * Thread-safe. Closing it refuses new plans; the weights are freed when the last of its plans is
 * closed.
 */
public interface LoadedNetwork extends AutoCloseable {
  /**
   * The network.
   *
   * @return as it was given to {@link Engine#load}
   */
  NetworkSpec network();

  /**
   * What its weights take of the engine's memory by now. They may be packed as plans want them, and
   * so be there more than once, or not yet.
   *
   * @return bytes
   */
  long weightBytes();

  /**
   * What a plan would need, before anything is allocated.
   *
   * @param request batch, sizes, outputs
   * @return bytes
   */
  PlanMemory memory(PlanRequest request);

  /**
   * Makes a plan.
   *
   * @param request batch, sizes, outputs
   * @return a plan with one owner
   * @throws IllegalStateException if this is closed
   * @throws EngineException if memory is short, with what is needed and what there is
   */
  InferencePlan plan(PlanRequest request);

  /**
   * The same network, device by device: plans of each run on its device alone, so that whoever has
   * several batches can choose the device of each. They close with this.
   *
   * @return this one alone, unless the engine has several devices
   */
  default List<LoadedNetwork> onDevices() {
    return List.of(this);
  }

  /** Refuses new plans and frees the weights once no plan is left. Idempotent. */
  @Override
  void close();
}
