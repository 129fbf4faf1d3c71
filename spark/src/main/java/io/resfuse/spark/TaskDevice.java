package io.resfuse.spark;

import java.util.Set;
import org.apache.spark.TaskContext;
import org.apache.spark.resource.ResourceInformation;

/** Which device a task computes on. */
final class TaskDevice {
  private static final Set<String> CPU_ENGINES = Set.of("onednn", "reference");

  private TaskDevice() {}

  /**
   * The device that was asked for, or the GPU that Spark's scheduler has given to the task; empty
   * for the engine's first, and where an engine was asked for that computes on CPUs.
   *
   * @param asked empty for what Spark assigns
   */
  static String of(TaskContext task, String engine, String asked) {
    if (!asked.isEmpty() || CPU_ENGINES.contains(engine)) {
      return asked;
    }
    ResourceInformation gpus = task.resourcesJMap().get("gpu");
    return gpus == null || gpus.addresses().length == 0 ? "" : gpus.addresses()[0];
  }
}
