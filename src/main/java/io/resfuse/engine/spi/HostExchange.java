package io.resfuse.engine.spi;

import io.resfuse.engine.ParameterSpec;
import io.resfuse.tensor.HostTensor;
import java.util.ArrayList;
import java.util.List;

/** The exchange through the host's memory, which any engine's shards can use. */
final class HostExchange implements GradientExchange {
  private final List<AbstractTrainingPlan> shards;
  private final List<Copies> gradients = new ArrayList<>();
  private final List<Copies> statistics = new ArrayList<>();
  private long elements;

  /** What the shards have of one parameter. */
  private static final class Copies {
    final ParameterSpec parameter;
    final float[][] arrays;
    final List<HostTensor> tensors = new ArrayList<>();

    Copies(ParameterSpec parameter, int shards) {
      this.parameter = parameter;
      this.arrays = new float[shards][Math.toIntExact(parameter.shape().elements())];
      for (float[] array : arrays) {
        tensors.add(HostTensor.of(parameter.shape(), array));
      }
    }
  }

  /**
   * Allocates.
   *
   * @param shards in their order; not owned
   * @param trained parameters with a gradient
   * @param statistics running ones
   */
  HostExchange(
      List<? extends AbstractTrainingPlan> shards,
      List<ParameterSpec> trained,
      List<ParameterSpec> statistics) {
    this.shards = List.copyOf(shards);
    trained.forEach(parameter -> gradients.add(copies(parameter)));
    statistics.forEach(parameter -> this.statistics.add(copies(parameter)));
  }

  private Copies copies(ParameterSpec parameter) {
    elements += parameter.shape().elements() * shards.size();
    return new Copies(parameter, shards.size());
  }

  @Override
  public void sumGradients() {
    for (Copies copies : gradients) {
      for (int s = 0; s < shards.size(); s++) {
        shards.get(s).readGradient(copies.parameter, copies.tensors.get(s));
      }
      sum(copies.arrays);
      for (AbstractTrainingPlan shard : shards) {
        shard.writeGradient(copies.parameter, copies.tensors.get(0));
      }
    }
  }

  @Override
  public void averageStatistics() {
    for (Copies copies : statistics) {
      for (int s = 0; s < shards.size(); s++) {
        shards.get(s).readValue(copies.parameter, copies.tensors.get(s));
      }
      sum(copies.arrays);
      float[] mean = copies.arrays[0];
      for (int i = 0; i < mean.length; i++) {
        mean[i] /= shards.size();
      }
      for (AbstractTrainingPlan shard : shards) {
        shard.writeValue(copies.parameter, copies.tensors.get(0));
      }
    }
  }

  /** The first becomes the sum of all. */
  private static void sum(float[][] arrays) {
    ShardTree.reduce(
        arrays.length,
        (into, from) -> {
          float[] target = arrays[into];
          float[] source = arrays[from];
          for (int i = 0; i < target.length; i++) {
            target[i] += source[i];
          }
        });
  }

  @Override
  public long bytes() {
    return elements * Float.BYTES;
  }

  @Override
  public void close() {}
}
