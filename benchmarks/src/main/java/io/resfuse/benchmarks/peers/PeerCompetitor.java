package io.resfuse.benchmarks.peers;

import io.resfuse.bench.Competitor;
import io.resfuse.bench.Entry;
import io.resfuse.bench.MemoryPool;
import io.resfuse.bench.Task;
import io.resfuse.bench.report.Workload;
import io.resfuse.engine.Engine;
import io.resfuse.engine.PlanMemory;
import io.resfuse.engine.Precision;
import io.resfuse.verify.Parity;
import java.util.Optional;

/**
 * A peer that does every task in a process of its own, in fp32 unless it has the precision asked
 * for. Processes are apart because two OpenMP runtimes in one would spin against each other, and
 * because peers may crash. Not thread-safe.
 */
final class PeerCompetitor implements Competitor {
  private final PeerKind kind;
  private final int threads;
  private String description;

  PeerCompetitor(PeerKind kind, int threads) {
    this.kind = kind;
    this.threads = threads;
    this.description = kind.description();
  }

  @Override
  public String name() {
    return kind.toString();
  }

  /** With the version, once a task was entered. */
  @Override
  public String description() {
    return "%s, %d threads, a process of its own".formatted(description, threads);
  }

  @Override
  public Optional<Engine> engine() {
    return Optional.empty();
  }

  @Override
  public Optional<String> whyNot(Workload workload) {
    return kind.whyNot(workload);
  }

  @Override
  public Precision precision(Workload workload) {
    return kind.precision(workload);
  }

  @Override
  public Parity.Arithmetic arithmetic(Workload workload) {
    return new Parity.Arithmetic(workload.precision(), kind.roundsSums(workload));
  }

  @Override
  public Optional<PlanMemory> memory(Task task, Parity data) {
    return Optional.empty();
  }

  @Override
  public MemoryPool pool() {
    return MemoryPool.HOST;
  }

  @Override
  public Parity.Finding training(Task task, Parity parity) {
    return Parity.Finding.NONE;
  }

  @Override
  public Entry enter(Task task, Parity data) {
    WorkerProcess process = WorkerProcess.start(kind, task, data, threads);
    boolean ready = false;
    try {
      description = process.prepare();
      ready = true;
      return process;
    } finally {
      if (!ready) {
        process.close();
      }
    }
  }

  @Override
  public void close() {}
}
