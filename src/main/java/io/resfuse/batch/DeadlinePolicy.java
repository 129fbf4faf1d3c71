package io.resfuse.batch;

/** What becomes of a request whose deadline passes before it runs. */
public enum DeadlinePolicy {
  /** It is rejected and never computed. */
  REJECT,
  /** It is computed after all that are not late. */
  DELAY
}
