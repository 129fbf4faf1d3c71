package io.resfuse.spark;

import java.io.Serializable;
import java.util.List;

/**
 * What decides on how an executor computes; tasks with the same settings share a model.
 *
 * @param model a pretrained model's name, a file that each executor can read, or one that was given
 *     to {@code SparkContext.addFile}
 * @param engine name of an engine, or {@code auto}
 * @param device of the engine; empty for what Spark assigns to the task, or else the first
 * @param precision in which it computes
 * @param preprocessing name of a preset; empty for the model's
 * @param threads of the CPU engine; 0 for the executor's cores
 * @param batchSizes images per batch for which plans are made
 * @param queueDelayMillis how long a picture waits for others while the device is free
 * @param batchInvariant whether answers have the same bits in every batch
 * @param output of the network
 */
record ModelSettings(
    String model,
    String engine,
    String device,
    String precision,
    String preprocessing,
    int threads,
    List<Integer> batchSizes,
    int queueDelayMillis,
    boolean batchInvariant,
    String output)
    implements Serializable {
  /** The same on another device. */
  ModelSettings on(String otherDevice) {
    return new ModelSettings(
        model,
        engine,
        otherDevice,
        precision,
        preprocessing,
        threads,
        batchSizes,
        queueDelayMillis,
        batchInvariant,
        output);
  }

  int largestBatch() {
    return batchSizes.stream().mapToInt(Integer::intValue).max().orElseThrow();
  }
}
