package io.resfuse.spark;

import java.nio.file.Path;
import org.apache.spark.sql.SparkSession;

/** Spark for tests. */
final class Sessions {
  private Sessions() {}

  /** Tasks are threads of this process. */
  static SparkSession local(int tasks, Path folder) {
    return quiet("local[" + tasks + "]", folder).getOrCreate();
  }

  /** Executors are processes of their own, with this one's class path. */
  static SparkSession cluster(int executors, Path folder) {
    return quiet("local-cluster[" + executors + ",1,1024]", folder)
        .config("spark.executor.memory", "1g")
        .config("spark.executor.cores", 1)
        // Executors that tests kill.
        .config("spark.stage.maxConsecutiveAttempts", 1000)
        .config("spark.deploy.maxExecutorRetries", -1)
        .config("spark.executor.extraClassPath", System.getProperty("java.class.path"))
        .config("spark.executor.extraJavaOptions", System.getProperty("spark.jvm"))
        .getOrCreate();
  }

  private static SparkSession.Builder quiet(String master, Path folder) {
    return SparkSession.builder()
        .master(master)
        .appName("resfuse")
        .config("spark.ui.enabled", false)
        .config("spark.sql.shuffle.partitions", 4)
        .config("spark.sql.warehouse.dir", folder.resolve("warehouse").toString())
        .config("spark.local.dir", folder.resolve("spark").toString())
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.host", "127.0.0.1");
  }
}
