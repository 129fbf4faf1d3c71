package io.resfuse.batch;

import io.resfuse.engine.InferencePlan;
import io.resfuse.engine.LoadedNetwork;
import io.resfuse.engine.PlanRequest;
import java.nio.ByteBuffer;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.List;

/** The plans of one lane, one of each size. Not thread-safe. */
final class LanePlans implements AutoCloseable {
  private final List<InferencePlan> plans = new ArrayList<>();

  /**
   * Makes a plan, larger than those before, and runs it once: no request pays for the first run.
   */
  void add(LoadedNetwork network, PlanRequest request) {
    InferencePlan plan = network.plan(request);
    plans.add(plan);
    plan.run();
  }

  /** Times a run of each plan. */
  List<Double> seconds() {
    List<Double> seconds = new ArrayList<>();
    for (InferencePlan plan : plans) {
      long begin = System.nanoTime();
      plan.run();
      seconds.add(Math.max(1, System.nanoTime() - begin) / 1e9);
    }
    return seconds;
  }

  /** The smallest for so many images. */
  InferencePlan of(int images) {
    for (InferencePlan plan : plans) {
      if (plan.request().batch() >= images) {
        return plan;
      }
    }
    throw new IllegalArgumentException("there is no plan for " + images + " images");
  }

  /** Copies an image of a plan's input to another place of it. */
  static void move(InferencePlan plan, int from, int to) {
    if (plan.request().scaling() == null) {
      FloatBuffer input = plan.input();
      int length = input.capacity() / plan.request().batch();
      input.put(to * length, input.duplicate(), from * length, length);
    } else {
      ByteBuffer pixels = plan.pixels();
      int length = pixels.capacity() / plan.request().batch();
      pixels.put(to * length, pixels.duplicate(), from * length, length);
    }
  }

  @Override
  public void close() {
    plans.forEach(InferencePlan::close);
  }
}
