package io.resfuse.spark;

import java.io.Serializable;
import java.util.List;
import org.apache.spark.util.SerializableConfiguration;

/**
 * What the workers of a training know from the driver.
 *
 * @param recipe as JSON
 * @param classes names; their places are labels
 * @param paths how pictures are read that are given by their paths; null if rows have the pictures
 * @param hasValidation whether rows say whether they are for validation
 * @param engine name of an engine, or {@code auto}
 * @param device of the engine; empty for what Spark assigns to the task, or else the first
 * @param threads of the CPU engine; 0 for the task's cores
 * @param folder for checkpoints and the model, in a file system that all workers know
 * @param checkpointEvery optimizer steps between checkpoints, besides those at the ends of epochs;
 *     0 for none
 * @param spoolBytes of pictures that a worker keeps on its disk at most
 * @param timeoutSeconds that a worker waits for another
 * @param secret that workers prove to know
 * @param configuration of Hadoop
 */
record TrainingSettings(
    String recipe,
    List<String> classes,
    PictureColumn paths,
    boolean hasValidation,
    String engine,
    String device,
    int threads,
    String folder,
    int checkpointEvery,
    long spoolBytes,
    int timeoutSeconds,
    byte[] secret,
    SerializableConfiguration configuration)
    implements Serializable {}
