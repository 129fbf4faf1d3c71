package io.resfuse.bench;

import io.resfuse.bench.report.Workload;
import io.resfuse.engine.Engine;
import io.resfuse.engine.PlanMemory;
import io.resfuse.engine.Precision;
import io.resfuse.verify.Parity;
import java.util.Optional;

/** What can do tasks: one of our engines, or a peer. Its owner closes it. */
public interface Competitor extends AutoCloseable {
  /**
   * Its name.
   *
   * @return as options write it
   */
  String name();

  /**
   * What it is and what it runs on.
   *
   * @return one line for people
   */
  String description();

  /**
   * The engine, for what is measured of engines only: ceilings, and operations by themselves.
   *
   * @return empty for a peer
   */
  Optional<Engine> engine();

  /**
   * Whether it can do a workload.
   *
   * @param workload which
   * @return empty if it can, else why not
   */
  Optional<String> whyNot(Workload workload);

  /**
   * The precision in which it does a workload.
   *
   * @param workload which
   * @return the workload's, or for a peer that has no such precision a finer one
   */
  default Precision precision(Workload workload) {
    return workload.precision();
  }

  /**
   * How it computes a workload, by which its answer is judged.
   *
   * @param workload which
   * @return as our engines do in the workload's precision, unless it rounds more often
   */
  default Parity.Arithmetic arithmetic(Workload workload) {
    return Parity.Arithmetic.of(workload.precision());
  }

  /**
   * What a task needs of memory, before anything is allocated.
   *
   * @param task which
   * @param data the network's parameters
   * @return bytes in {@link #pool}; empty where it cannot be told
   */
  Optional<PlanMemory> memory(Task task, Parity data);

  /**
   * Where it needs them.
   *
   * @return the host or a device
   */
  MemoryPool pool();

  /**
   * Has a training step of a small batch held against float64.
   *
   * @param task which network and precision
   * @param parity by which tolerances
   * @return what was found; nothing where it gives no gradients
   */
  Parity.Finding training(Task task, Parity parity);

  /**
   * Makes ready to run.
   *
   * @param task which
   * @param data the network's parameters and images
   * @return an entry, to be closed before this
   * @throws CompetitorException if it cannot do it after all; the others go on
   */
  Entry enter(Task task, Parity data);

  /** Frees what it holds. */
  @Override
  void close();
}
