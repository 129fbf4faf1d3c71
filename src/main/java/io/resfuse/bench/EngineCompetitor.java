package io.resfuse.bench;

import io.resfuse.bench.report.Workload;
import io.resfuse.engine.DeviceMeter;
import io.resfuse.engine.Engine;
import io.resfuse.engine.LoadedNetwork;
import io.resfuse.engine.PlanMemory;
import io.resfuse.verify.Parity;
import io.resfuse.verify.Subject;
import java.util.Optional;

/** One of our engines. Owns it. */
public final class EngineCompetitor implements Competitor {
  private final Engine engine;

  /**
   * Takes an engine over.
   *
   * @param engine to be closed with this
   */
  public EngineCompetitor(Engine engine) {
    this.engine = engine;
  }

  @Override
  public Optional<Engine> engine() {
    return Optional.of(engine);
  }

  @Override
  public String name() {
    return engine.name();
  }

  @Override
  public String description() {
    return engine.description();
  }

  @Override
  public Optional<String> whyNot(Workload workload) {
    return engine.whyNot(workload.precision(), workload.mode());
  }

  @Override
  public Optional<PlanMemory> memory(Task task, Parity data) {
    return Optional.of(planMemory(task, data));
  }

  @Override
  public MemoryPool pool() {
    if (!(engine instanceof DeviceMeter meter)) {
      return MemoryPool.HOST;
    }
    return new MemoryPool() {
      @Override
      public String name() {
        return meter.deviceName();
      }

      @Override
      public long availableBytes() {
        return meter.freeBytes();
      }
    };
  }

  private PlanMemory planMemory(Task task, Parity data) {
    Workload workload = task.workload();
    if (workload.mode() == Engine.Mode.TRAINING) {
      return engine.trainingMemory(
          task.test().network(), Plans.training(task.test(), workload.precision()));
    }
    try (LoadedNetwork network =
        engine.load(
            task.test().network(),
            data.parameters(engine, workload.precision(), task.test()),
            workload.precision())) {
      return network.memory(Plans.inference(task.test()));
    }
  }

  @Override
  public Parity.Finding training(Task task, Parity parity) {
    return parity.training(new Subject(engine, task.workload().precision()), task.small());
  }

  @Override
  public Entry enter(Task task, Parity data) {
    return task.workload().mode() == Engine.Mode.TRAINING
        ? new TrainingEntry(engine, task, data)
        : new InferenceEntry(engine, task.workload().precision(), task.test(), data);
  }

  @Override
  public void close() {
    engine.close();
  }
}
