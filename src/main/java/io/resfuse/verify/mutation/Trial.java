package io.resfuse.verify.mutation;

import io.resfuse.engine.Precision;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What a worker is asked to do: to run cases until one fails.
 *
 * @param ptx of the kernel that takes the place of ours; null to run ours
 * @param precision in which to run
 * @param cases by their places in the list of cases, in this order
 */
record Trial(@Nullable String ptx, Precision precision, List<Integer> cases) {
  /**
   * What became of it.
   *
   * @param verdict in a word
   * @param by what has caught it: a rung, or a check of the device; empty if nothing has
   * @param detail what it said
   * @param kernels all that have run
   * @param seconds that it took
   */
  record Answer(Verdict verdict, String by, String detail, List<String> kernels, double seconds) {
    static Answer caught(String by, String detail) {
      return new Answer(Verdict.CAUGHT, by, detail, List.of(), 0);
    }
  }

  /** What can become of it. */
  enum Verdict {
    /** No case has failed. */
    SURVIVED,
    /** A case has failed. */
    CAUGHT,
    /** The device would not load the PTX. */
    REFUSED
  }
}
