package io.resfuse.verify.mutation;

/**
 * What became of a mutant.
 *
 * @param mutant which
 * @param state how it ended
 * @param by what has caught it: a rung, or a check of the device; empty if nothing has
 * @param detail what that said, or why nothing can catch it
 */
record MutantResult(Mutant mutant, State state, String by, String detail) {
  /** How it ended. */
  enum State {
    /** A case has failed. */
    CAUGHT,
    /** No case has failed, and the list says why none can. */
    EXPLAINED,
    /** No case has failed. */
    SURVIVED,
    /** No case runs its kernel, or the instruction that is changed. */
    NOT_RUN
  }

  /** Whether the cases ought to have caught it. */
  boolean isGap() {
    return state == State.SURVIVED || state == State.NOT_RUN;
  }
}
