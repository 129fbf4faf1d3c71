package io.resfuse.train;

import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.Parameters;
import io.resfuse.engine.TrainingPlan;
import io.resfuse.tensor.HostTensor;
import io.resfuse.train.recipe.AverageRecipe;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * An exponential moving average of all parameters, running statistics included: {@code average = d
 * average + (1 - d) weights} with {@code d = min(decay, (1 + n) / (10 + n))} at update n = 0, 1,
 * ... (TensorFlow's {@code ExponentialMovingAverage} with {@code num_updates}). It begins at the
 * weights that the training begins with. In float32; not thread-safe.
 */
final class WeightAverage {
  private final double decay;
  private final int every;
  private final Parameters average;
  private final Parameters weights;
  private final List<float[]> averageArrays = new ArrayList<>();
  private final List<float[]> weightArrays = new ArrayList<>();
  private long updates;

  WeightAverage(AverageRecipe recipe, NetworkSpec network, Parameters initial) {
    this.decay = recipe.decay();
    this.every = recipe.every();
    this.average = arrays(network, averageArrays);
    this.weights = arrays(network, weightArrays);
    set(initial, 0);
  }

  private static Parameters arrays(NetworkSpec network, List<float[]> arrays) {
    Map<String, HostTensor> tensors = new LinkedHashMap<>();
    network
        .parameters()
        .values()
        .forEach(
            parameter -> {
              float[] array = new float[Math.toIntExact(parameter.shape().elements())];
              arrays.add(array);
              tensors.put(parameter.name(), HostTensor.of(parameter.shape(), array));
            });
    return new Parameters(network, tensors);
  }

  /** Puts it where a checkpoint had it. */
  void set(Parameters values, long newUpdates) {
    average.asMap().forEach((name, tensor) -> tensor.buffer().put(values.get(name).buffer()));
    updates = newUpdates;
  }

  long updates() {
    return updates;
  }

  /** The average itself, which later updates change. */
  Parameters average() {
    return average;
  }

  /** To be called after every optimizer step, with its number from 1. */
  void afterStep(long step, TrainingPlan plan) {
    if (step % every == 0) {
      plan.readParameters(weights);
      update();
    }
  }

  private void update() {
    double kept = Math.min(decay, (1.0 + updates) / (10.0 + updates));
    for (int a = 0; a < averageArrays.size(); a++) {
      float[] target = averageArrays.get(a);
      float[] source = weightArrays.get(a);
      for (int i = 0; i < target.length; i++) {
        target[i] = (float) (kept * target[i] + (1 - kept) * source[i]);
      }
    }
    updates++;
  }
}
