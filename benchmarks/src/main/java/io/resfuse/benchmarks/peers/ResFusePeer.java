package io.resfuse.benchmarks.peers;

import io.resfuse.engine.Engine;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.Engines;
import io.resfuse.engine.InferencePlan;
import io.resfuse.engine.LoadedNetwork;
import io.resfuse.engine.Optimizer;
import io.resfuse.engine.PlanRequest;
import io.resfuse.engine.TrainingOptions;
import io.resfuse.engine.TrainingPlan;
import java.util.Map;

/** Ours, on the engine that the system property {@code engine} names (default onednn). */
final class ResFusePeer implements Peer {
  private Workload workload;
  private Engine engine;
  private LoadedNetwork network;
  private InferencePlan inference;
  private TrainingPlan training;
  private int[] labels;
  private double loss;

  @Override
  public String describe() {
    try (Engine opened = open(0)) {
      return "ResFuse, " + opened.name() + ": " + opened.description();
    }
  }

  private static Engine open(int threads) {
    return Engines.open(System.getProperty("engine", "onednn"), new EngineOptions(threads, ""));
  }

  @Override
  public void prepare(Workload work) {
    workload = work;
    engine = open(work.threads());
    if (work.training()) {
      TrainingOptions options =
          TrainingOptions.standard(work.batch(), work.imageSize(), work.precision())
              .withOptimizer(
                  new Optimizer.Sgd(Workload.MOMENTUM, false, Workload.WEIGHT_DECAY, Map.of()));
      training = engine.planTraining(work.spec(), work.parameters(), options);
      training.input().put(0, work.images());
      labels = work.labels();
    } else {
      network = engine.load(work.spec(), work.parameters(), work.precision());
      inference = network.plan(PlanRequest.logits(work.batch(), work.imageSize()));
      inference.input().put(0, work.images());
    }
  }

  @Override
  public void iterate() {
    if (workload.training()) {
      training.forward();
      loss = training.softmaxCrossEntropy(labels, 0);
      training.backward(false);
      training.update(Workload.LEARNING_RATE, 1);
    } else {
      inference.run();
    }
  }

  @Override
  public float[] answer() {
    if (workload.training()) {
      return new float[] {(float) loss};
    }
    float[] logits = new float[workload.batch() * workload.classes()];
    inference.output("logits").get(0, logits);
    return logits;
  }

  @Override
  public void close() {
    if (training != null) {
      training.close();
    }
    if (inference != null) {
      inference.close();
      network.close();
    }
    if (engine != null) {
      engine.close();
    }
  }
}
