package io.resfuse.engine.spi;

import io.resfuse.engine.Communicator;
import io.resfuse.engine.ParameterSpec;
import io.resfuse.tensor.HostTensor;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The exchange through the host's memory, which any engine's shards can use, and which goes on to
 * other processes.
 */
final class HostExchange implements GradientExchange {
  private final List<AbstractTrainingPlan> shards;
  private final int count;
  private final @Nullable GradientExchange onDevices;
  private final Values gradients;
  private final Values statistics;
  private long bytes;

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

    /** The first becomes the sum of all. */
    void sum() {
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
  }

  /** What the shards have of several parameters. */
  private final class Values {
    final List<Copies> copies = new ArrayList<>();

    /** Null where there is one process. */
    final @Nullable TreeSum sum;

    Values(List<ParameterSpec> parameters, int shards, Communicator processes) {
      int floats = 0;
      for (ParameterSpec parameter : parameters) {
        floats = Math.addExact(floats, Math.toIntExact(parameter.shape().elements()));
        copies.add(new Copies(parameter, shards));
      }
      sum = processes.size() == 1 ? null : new TreeSum(processes, floats);
      bytes += (long) Float.BYTES * floats * shards + (sum == null ? 0 : sum.bytes());
    }

    /** Adds those of all processes; the first copies become the sums. */
    void sumOfProcesses(TreeSum all) {
      int at = 0;
      for (Copies each : copies) {
        all.values().put(at, each.arrays[0]);
        at += each.arrays[0].length;
      }
      all.run();
      at = 0;
      for (Copies each : copies) {
        all.values().get(at, each.arrays[0]);
        at += each.arrays[0].length;
      }
    }
  }

  /**
   * Allocates.
   *
   * @param shards of this process in their order; not owned
   * @param trained parameters with a gradient
   * @param statistics running ones
   * @param processes that have the other shards; not owned
   * @param onDevices adds the gradients of this process's shards, closed with this; null if they
   *     are added here
   */
  HostExchange(
      List<? extends AbstractTrainingPlan> shards,
      List<ParameterSpec> trained,
      List<ParameterSpec> statistics,
      Communicator processes,
      @Nullable GradientExchange onDevices) {
    this.shards = List.copyOf(shards);
    this.count = Math.multiplyExact(shards.size(), processes.size());
    this.onDevices = onDevices;
    this.gradients = new Values(trained, onDevices == null ? shards.size() : 1, processes);
    this.statistics = new Values(statistics, shards.size(), processes);
  }

  @Override
  public void sumGradients() {
    if (onDevices != null) {
      onDevices.sumGradients();
    }
    TreeSum all = gradients.sum;
    for (Copies copies : gradients.copies) {
      for (int s = 0; s < copies.arrays.length; s++) {
        shards.get(s).readGradient(copies.parameter, copies.tensors.get(s));
      }
      copies.sum();
      if (all == null) {
        writeGradient(copies);
      }
    }
    if (all != null) {
      gradients.sumOfProcesses(all);
      gradients.copies.forEach(this::writeGradient);
    }
  }

  private void writeGradient(Copies copies) {
    for (AbstractTrainingPlan shard : shards) {
      shard.writeGradient(copies.parameter, copies.tensors.get(0));
    }
  }

  @Override
  public void averageStatistics() {
    for (Copies copies : statistics.copies) {
      for (int s = 0; s < shards.size(); s++) {
        shards.get(s).readValue(copies.parameter, copies.tensors.get(s));
      }
      copies.sum();
    }
    if (statistics.sum != null) {
      statistics.sumOfProcesses(statistics.sum);
    }
    for (Copies copies : statistics.copies) {
      float[] mean = copies.arrays[0];
      for (int i = 0; i < mean.length; i++) {
        mean[i] /= count;
      }
      for (AbstractTrainingPlan shard : shards) {
        shard.writeValue(copies.parameter, copies.tensors.get(0));
      }
    }
  }

  @Override
  public long bytes() {
    return bytes + (onDevices == null ? 0 : onDevices.bytes());
  }

  @Override
  public long deviceBytes() {
    return onDevices == null ? 0 : onDevices.deviceBytes();
  }

  @Override
  public void close() {
    if (onDevices != null) {
      onDevices.close();
    }
  }
}
