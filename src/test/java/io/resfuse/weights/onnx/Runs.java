package io.resfuse.weights.onnx;

import io.resfuse.engine.Engine;
import io.resfuse.engine.InferencePlan;
import io.resfuse.engine.LoadedNetwork;
import io.resfuse.engine.PlanRequest;
import io.resfuse.engine.Precision;
import io.resfuse.engine.Results;
import io.resfuse.engine.TestNetworks.TestNetwork;
import io.resfuse.tensor.Shape;
import io.resfuse.tensor.TensorLayout;
import io.resfuse.weights.ModelFile;
import java.util.Set;

/** Runs models with one of our engines, and compares results. */
public final class Runs {
  private Runs() {}

  public static double[] logits(Engine engine, ModelFile model, Shape shape, float[] images) {
    return logits(engine, model, shape, images, Precision.FP32);
  }

  public static double[] logits(
      Engine engine, ModelFile model, Shape shape, float[] images, Precision precision) {
    TestNetwork test =
        new TestNetwork(
            model.network(), shape.dimension(0), shape.dimension(2), shape.dimension(3));
    PlanRequest request =
        new PlanRequest(
            test.batch(), test.height(), test.width(), TensorLayout.NCHW, Set.of("logits"));
    try (LoadedNetwork loaded = engine.load(model.network(), model.parameters(), precision);
        InferencePlan plan = loaded.plan(request)) {
      return Results.inference(plan, test, images).get("logits");
    }
  }

  public static double[] doubles(float[] values) {
    return Results.toDoubles(values);
  }

  /** The largest difference as a share of the largest value. */
  public static double difference(double[] ours, double[] theirs) {
    if (ours.length != theirs.length) {
      throw new AssertionError(ours.length + " and " + theirs.length + " values");
    }
    double largest = 0;
    double difference = 0;
    for (int i = 0; i < ours.length; i++) {
      largest = Math.max(largest, Math.abs(theirs[i]));
      difference = Math.max(difference, Math.abs(ours[i] - theirs[i]));
    }
    return difference / largest;
  }
}
