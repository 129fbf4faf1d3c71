package io.resfuse.train;

import io.resfuse.engine.Communicator;
import io.resfuse.engine.Engine;
import io.resfuse.engine.InferencePlan;
import io.resfuse.engine.LoadedNetwork;
import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.Parameters;
import io.resfuse.engine.PlanRequest;
import io.resfuse.engine.Precision;
import io.resfuse.tensor.TensorLayout;
import java.nio.FloatBuffer;
import java.util.Set;

/**
 * Classifies the pictures of a data set, or their pixels, with batch norms folded, and compares
 * with their labels. For one thread at a time.
 */
public final class Evaluator {
  private final Engine engine;
  private final NetworkSpec network;
  private final Task task;
  private final Feeding feeding;
  private final PlanRequest request;
  private final Precision precision;
  private final int mistakes;
  private final Communicator processes;

  /**
   * An evaluator.
   *
   * @param engine what it runs on; not owned
   * @param network with the output {@code logits}
   * @param source every picture once
   * @param height rows of the network's input
   * @param width columns of the network's input
   * @param precision of the passes
   * @param mistakes how many of the worst are wanted
   */
  public Evaluator(
      Engine engine,
      NetworkSpec network,
      BatchSource source,
      int height,
      int width,
      Precision precision,
      int mistakes) {
    this(engine, network, source, height, width, precision, mistakes, Communicator.ALONE);
  }

  /**
   * An evaluator for one of several processes, which evaluate together.
   *
   * @param engine what it runs on; not owned
   * @param network with the output {@code logits}
   * @param source this process's batches, which follow those of the process before
   * @param height rows of the network's input
   * @param width columns of the network's input
   * @param precision of the passes
   * @param mistakes how many of the worst among this process's pictures are wanted
   * @param processes that have the other batches; not owned
   */
  public Evaluator(
      Engine engine,
      NetworkSpec network,
      BatchSource source,
      int height,
      int width,
      Precision precision,
      int mistakes,
      Communicator processes) {
    this.processes = processes;
    this.engine = engine;
    this.network = network;
    this.task = Task.of(network);
    this.feeding = Feeding.of(engine, source);
    this.request =
        feeding.asked(
            new PlanRequest(
                source.batchSize(), height, width, TensorLayout.NCHW, Set.of(Task.LOGITS)));
    this.precision = precision;
    this.mistakes = mistakes;
  }

  /**
   * Evaluates weights.
   *
   * @param parameters of the network; not changed
   * @return how they do
   */
  public Evaluation evaluate(Parameters parameters) {
    long start = System.nanoTime();
    try (LoadedNetwork loaded = engine.load(network, parameters, precision);
        InferencePlan plan = loaded.plan(request);
        BatchStream batches = feeding.open(0, 0)) {
      FloatBuffer logits = plan.output(Task.LOGITS);
      Tally tally = task.tally(plan.outputShape(Task.LOGITS), mistakes);
      while (batches.advance()) {
        Feeding.put(batches, plan);
        plan.run();
        tally.add(logits, batches);
      }
      return tally.result(batches.unreadable(), (System.nanoTime() - start) / 1e9, processes);
    }
  }
}
