package io.resfuse.bench.report;

import io.resfuse.engine.PlanMemory;
import io.resfuse.engine.Precision;
import org.jspecify.annotations.Nullable;

/**
 * How a competitor did a workload. Of what was not timed the numbers are null.
 *
 * @param workload what
 * @param competitor who
 * @param precision in which it ran: the workload's, or for a peer that has no such a finer one
 * @param status whether it was timed
 * @param detail why it was not timed, or what its answer was held against
 * @param error its answer's, as a share of what is allowed; NaN where nothing was measured
 * @param memory what its plan needs, or null where that is not known
 * @param imagesPerSecond of the rounds
 * @param latency of single iterations
 * @param pace of the device in the same rounds; null if no engine was there to tell it
 * @param ratio of its images per second to those of another in the same rounds
 * @param against the name of the other
 */
public record Result(
    Workload workload,
    String competitor,
    Precision precision,
    Status status,
    String detail,
    double error,
    @Nullable PlanMemory memory,
    @Nullable Summary imagesPerSecond,
    @Nullable Percentiles latency,
    @Nullable Pace pace,
    @Nullable Summary ratio,
    @Nullable String against) {
  /**
   * The same of one that was timed.
   *
   * @param speed in images per second
   * @param latencies of its iterations
   * @param around pace of its device in the same rounds; null if it was not measured
   * @param ratioToOther of another's time to its own; null if it ran alone
   * @param other the name of the other; null if it ran alone
   * @return a result
   */
  public Result timed(
      Summary speed,
      Percentiles latencies,
      @Nullable Pace around,
      @Nullable Summary ratioToOther,
      @Nullable String other) {
    return new Result(
        workload,
        competitor,
        precision,
        Status.TIMED,
        detail,
        error,
        memory,
        speed,
        latencies,
        around,
        ratioToOther,
        other);
  }

  /**
   * The same of one that has no times.
   *
   * @param why skipped or wrong
   * @param text the reason in words
   * @param worst the largest error as a share of what is allowed; NaN if nothing was judged
   * @return a result
   */
  public Result untimed(Status why, String text, double worst) {
    return new Result(
        workload, competitor, precision, why, text, worst, memory, null, null, null, null, null);
  }

  /** Who, with the precision where that is not the workload's. */
  String label() {
    return precision == workload.precision() ? competitor : competitor + " (" + precision + ")";
  }

  /** Whether a workload was timed. */
  public enum Status {
    /** Its answer was right, and it was timed. */
    TIMED,
    /** Its answer was wrong: it was not timed. */
    WRONG,
    /** It cannot do the workload, or died of it. */
    SKIPPED
  }
}
