package io.resfuse.verify;

/**
 * How a case did on a rung.
 *
 * @param rung of the ladder
 * @param status the verdict
 * @param worst the largest error, as a share of what is allowed; NaN where nothing was measured
 * @param detail the miss with tensor, coordinate and numbers, the reason of a skip, or empty
 */
public record Check(Rung rung, Status status, double worst, String detail) {
  /** Verdicts. */
  public enum Status {
    /** Within the tolerance. */
    PASSED("ok"),
    /** Out of it, or the engine failed. */
    MISSED("MISS"),
    /** Nothing was wrong, but most outputs were zero, or integers too large to be exact. */
    UNTRUSTWORTHY("?"),
    /** Not applicable, or something the engine says it cannot do. */
    SKIPPED("-");

    private final String mark;

    Status(String mark) {
      this.mark = mark;
    }

    /**
     * A word for tables.
     *
     * @return ok, MISS, ? or -
     */
    public String mark() {
      return mark;
    }
  }

  /**
   * Whether it counts as a failure of the whole.
   *
   * @return true for misses and for what cannot be trusted
   */
  public boolean isFailure() {
    return status == Status.MISSED || status == Status.UNTRUSTWORTHY;
  }

  static Check skipped(Rung rung, String reason) {
    return new Check(rung, Status.SKIPPED, Double.NaN, reason);
  }
}
