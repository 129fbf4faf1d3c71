package io.resfuse.quantize;

import io.resfuse.engine.Engine;
import io.resfuse.engine.InferencePlan;
import io.resfuse.engine.LoadedNetwork;
import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.Parameters;
import io.resfuse.engine.PlanRequest;
import io.resfuse.engine.Precision;
import io.resfuse.tensor.TensorLayout;
import java.nio.FloatBuffer;
import java.util.Arrays;

/**
 * How fast a network is in float32 and in int8, side by side on this machine: both run in turns, so
 * that whatever else the machine does hits both. A look, not a benchmark.
 *
 * @param batch images in a run
 * @param floats images per second in float32, the median of the rounds
 * @param integers likewise in int8
 * @param ratio the median of int8 to float32 within rounds
 */
public record QuantizationSpeed(int batch, double floats, double integers, double ratio) {
  private static final int BATCH = 8;
  private static final int ROUNDS = 5;
  private static final long NANOS = 200_000_000;

  /**
   * Measures, for a few seconds.
   *
   * @param engine that runs both; not owned
   * @param network what runs
   * @param original its weights in float32
   * @param quantized the same with a quantisation
   * @param pictures at least one
   * @return what was measured
   */
  public static QuantizationSpeed of(
      Engine engine,
      NetworkSpec network,
      Parameters original,
      Parameters quantized,
      Pictures pictures) {
    PlanRequest request =
        new PlanRequest(
            BATCH,
            pictures.height(),
            pictures.width(),
            TensorLayout.NCHW,
            network.outputs().keySet());
    try (LoadedNetwork floats = engine.load(network, original, Precision.FP32);
        LoadedNetwork integers = engine.load(network, quantized, Precision.INT8);
        InferencePlan first = floats.plan(request);
        InferencePlan second = integers.plan(request)) {
      fill(first.input(), pictures);
      second.input().put(0, first.input(), 0, first.input().capacity());
      double[] slow = new double[ROUNDS];
      double[] fast = new double[ROUNDS];
      double[] ratios = new double[ROUNDS];
      first.run();
      second.run();
      for (int i = 0; i < ROUNDS; i++) {
        slow[i] = imagesPerSecond(first);
        fast[i] = imagesPerSecond(second);
        ratios[i] = fast[i] / slow[i];
      }
      return new QuantizationSpeed(BATCH, median(slow), median(fast), median(ratios));
    }
  }

  private static void fill(FloatBuffer input, Pictures pictures) {
    int each = input.capacity() / BATCH;
    for (int i = 0; i < BATCH; i++) {
      pictures.write(i % pictures.count(), input.slice(i * each, each));
    }
  }

  private static double imagesPerSecond(InferencePlan plan) {
    long start = System.nanoTime();
    long images = 0;
    long passed;
    do {
      plan.run();
      images += BATCH;
      passed = System.nanoTime() - start;
    } while (passed < NANOS);
    return images * 1e9 / passed;
  }

  private static double median(double[] values) {
    double[] sorted = values.clone();
    Arrays.sort(sorted);
    return sorted[sorted.length / 2];
  }
}
