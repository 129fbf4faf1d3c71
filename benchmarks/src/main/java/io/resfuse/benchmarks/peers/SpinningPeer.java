package io.resfuse.benchmarks.peers;

import io.resfuse.bench.Task;
import io.resfuse.engine.Engine;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.Engines;
import io.resfuse.engine.InferencePlan;
import io.resfuse.engine.LoadedNetwork;
import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.PlanRequest;
import io.resfuse.engine.Precision;
import io.resfuse.engine.TrainingOptions;
import io.resfuse.engine.TrainingPlan;
import java.nio.FloatBuffer;

/**
 * Our engine onednn in a process whose environment fixes how its threads wait, so that it does not
 * choose that itself.
 */
final class SpinningPeer implements Peer {
  /** libgomp's own number. */
  static final String SPIN_COUNT = "300000";

  private static final String LOGITS = "logits";

  private Engine engine;
  private LoadedNetwork network;
  private InferencePlan inference;
  private TrainingPlan training;
  private int[] classes;
  private float[] answer;

  @Override
  public String describe() {
    return "engine onednn, always spinning";
  }

  @Override
  public void prepare(PeerTask task) {
    NetworkSpec spec = task.spec();
    int batch = task.batch();
    int size = task.images().shape().dimension(2);
    classes = task.classes();
    answer = new float[task.logits()];
    engine = Engines.open("onednn", new EngineOptions(task.threads(), ""));
    FloatBuffer input;
    if (task.training()) {
      training =
          engine.planTraining(
              spec, task.parameters(), TrainingOptions.standard(batch, size, Precision.FP32));
      input = training.input();
    } else {
      network = engine.load(spec, task.parameters(), Precision.FP32);
      inference = network.plan(PlanRequest.logits(batch, size));
      input = inference.input();
    }
    input.put(0, task.images().toArray());
  }

  @Override
  public void iterate() {
    if (training == null) {
      inference.run();
      inference.output(LOGITS).get(0, answer);
    } else {
      training.forward();
      training.softmaxCrossEntropy(classes, 0);
      training.backward(false);
      training.update(Task.LEARNING_RATE, 1);
      training.output(LOGITS).get(0, answer);
    }
  }

  @Override
  public float[] answer() {
    return answer;
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
