package io.resfuse.verify.mutation;

/**
 * A kernel with one instruction changed.
 *
 * @param kernel its name
 * @param operator in which way
 * @param index of the line in the kernel
 * @param line in the PTX file, from 1 on
 * @param before the instruction
 * @param after what it became; empty if it was left out
 * @param replacement the whole line, with braces of inline assembly
 * @param ordinal which of those of the same kernel, operator, instruction and change, from 1 on
 * @param source file and line of the source, or empty where the PTX does not say
 */
record Mutant(
    String kernel,
    Operator operator,
    int index,
    int line,
    String before,
    String after,
    String replacement,
    int ordinal,
    String source) {
  /** What is the same wherever in the file the instruction stands. */
  String key() {
    return kernel + " | " + operator + " | " + change() + " | " + ordinal;
  }

  /** Before and after. */
  String change() {
    return before + " -> " + (after.isEmpty() ? "(left out)" : after);
  }

  /** Kernel, line and change. */
  @Override
  public String toString() {
    return kernel
        + ", PTX line "
        + line
        + (source.isEmpty() ? "" : " (" + source + ")")
        + ", "
        + operator
        + ": "
        + change();
  }
}
