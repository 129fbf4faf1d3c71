package io.resfuse.verify;

import java.util.List;

/**
 * How a case did.
 *
 * @param test the case
 * @param checks one per rung
 * @param inference errors of the output with running statistics
 * @param forward errors of the output, the loss, statistics and updated parameters in training
 * @param gradients errors of gradients
 * @param seconds it took, both sides and the yardstick together
 */
public record CaseResult(
    VerifyCase test,
    List<Check> checks,
    ErrorHistogram inference,
    ErrorHistogram forward,
    ErrorHistogram gradients,
    double seconds) {
  /**
   * Whether all rungs were climbed or skipped.
   *
   * @return false for a miss or a check that proves nothing
   */
  public boolean passed() {
    return checks.stream().noneMatch(Check::isFailure);
  }
}
