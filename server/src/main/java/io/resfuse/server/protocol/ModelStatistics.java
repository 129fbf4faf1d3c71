package io.resfuse.server.protocol;

import java.util.List;

/**
 * What a version of a model has done since the server was started.
 *
 * @param name of the model
 * @param version of it
 * @param lastInferenceMillis when it was last asked, since 1970; 0 if it never was
 * @param images that were computed
 * @param runs batches that ran
 * @param successes requests that were answered, from when they came
 * @param failures requests that were not
 * @param queue images, and how long they waited for their batches
 * @param preparation batches, and how long decoding and normalising took
 * @param run batches, and how long the network took
 * @param output requests, and how long putting their answers together took
 * @param batches by their number of images, ascending
 */
public record ModelStatistics(
    String name,
    String version,
    long lastInferenceMillis,
    long images,
    long runs,
    Duration successes,
    Duration failures,
    Duration queue,
    Duration preparation,
    Duration run,
    Duration output,
    List<OfBatch> batches) {
  /**
   * How often something was done, and how long all of it took.
   *
   * @param count of times
   * @param nanos nanoseconds together
   */
  public record Duration(long count, long nanos) {
    /** Of what is never done. */
    public static final Duration NONE = new Duration(0, 0);
  }

  /**
   * The batches of one size.
   *
   * @param size images
   * @param preparation of them
   * @param run of them
   */
  public record OfBatch(int size, Duration preparation, Duration run) {}
}
