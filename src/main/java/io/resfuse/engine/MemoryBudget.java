package io.resfuse.engine;

import java.util.ArrayList;
import java.util.List;

/**
 * How many bytes the networks and plans of an engine may take, and how many they do. Thread-safe.
 */
final class MemoryBudget {
  private final long most;
  private final List<LoadedNetwork> networks = new ArrayList<>();
  private long plans;

  /**
   * A budget.
   *
   * @param most bytes
   */
  MemoryBudget(long most) {
    this.most = most;
  }

  long most() {
    return most;
  }

  /** Counts a network's weights, as they grow with the layouts that its plans want. */
  synchronized void add(LoadedNetwork network) {
    networks.add(network);
  }

  /** Its weights are freed. */
  synchronized void remove(LoadedNetwork network) {
    networks.remove(network);
  }

  /** What is left, in bytes; negative if more is taken than may be. */
  synchronized long left() {
    return most - plans - networks.stream().mapToLong(LoadedNetwork::weightBytes).sum();
  }

  /** What a plan takes beside the weights. */
  synchronized void take(long bytes) {
    plans += bytes;
  }

  /** A plan is closed. */
  synchronized void giveBack(long bytes) {
    plans -= bytes;
  }

  /** For messages. */
  static String mib(long bytes) {
    return String.format("%.1f MiB", PlanMemory.mib(bytes));
  }

  /** For messages: what there is. */
  String describe() {
    return mib(Math.max(0, left())) + " of the " + mib(most) + " that were allowed";
  }
}
