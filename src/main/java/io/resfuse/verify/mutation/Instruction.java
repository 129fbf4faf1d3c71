package io.resfuse.verify.mutation;

import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * A line of PTX that is one instruction.
 *
 * @param open the brace of inline assembly before it, or empty
 * @param guard the predicate, as in {@code @!%p1}, or empty
 * @param opcode with its modifiers
 * @param operands as they are written
 * @param close the brace after it, or empty
 */
record Instruction(String open, String guard, String opcode, List<String> operands, String close) {
  private static final Pattern LINE =
      Pattern.compile(
          "\\s*(\\{?)\\s*(@!?%\\w+)?\\s*([a-z]\\w*(?:\\.[\\w:]+)*)(?:\\s+([^;]*))?;\\s*(\\}?)\\s*");

  private static final Pattern ADDRESS =
      Pattern.compile("\\[([%$\\w]+)(?:\\s*\\+\\s*(-?\\d+))?\\]");
  private static final Pattern VECTOR = Pattern.compile("\\.v([24])");
  private static final Pattern BITS = Pattern.compile("\\.[bsuf](8|16|32|64)\\b");

  /** Reads a line; null if it is none, or not one instruction alone. */
  static @Nullable Instruction parse(String line) {
    Matcher matcher = LINE.matcher(line);
    if (!matcher.matches()) {
      return null;
    }
    String rest = matcher.group(4);
    String guard = matcher.group(2);
    return new Instruction(
        matcher.group(1),
        guard == null ? "" : guard,
        matcher.group(3),
        rest == null ? List.of() : split(rest),
        matcher.group(5));
  }

  /** At commas outside of braces and brackets. */
  private static List<String> split(String text) {
    List<String> parts = new ArrayList<>();
    int depth = 0;
    int start = 0;
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (c == '{' || c == '[') {
        depth++;
      } else if (c == '}' || c == ']') {
        depth--;
      } else if (c == ',' && depth == 0) {
        parts.add(text.substring(start, i).strip());
        start = i + 1;
      }
    }
    parts.add(text.substring(start).strip());
    return parts;
  }

  /** Whether it writes no register, so that its first operand is a source too. */
  boolean isEffect() {
    return opcode.matches("(st|red|bra|bar|cp|membar|fence|ret|barrier)\\b.*");
  }

  /** The registers that it reads, its guard among them. */
  List<String> sources() {
    String written = isEffect() || operands.isEmpty() ? "" : operands.get(0);
    int from = written.isEmpty() ? 0 : 1;
    return Operator.registers(guard + String.join(" ", operands.subList(from, operands.size())));
  }

  /** Whether the opcode begins with one of these, up to a dot or the end. */
  boolean is(String... names) {
    for (String name : names) {
      if (opcode.equals(name) || opcode.startsWith(name + ".")) {
        return true;
      }
    }
    return false;
  }

  Instruction withGuard(String other) {
    return new Instruction(open, other, opcode, operands, close);
  }

  Instruction withOpcode(String other) {
    return new Instruction(open, guard, other, operands, close);
  }

  /** The first that fits of an opcode's beginning in another's place. */
  Instruction replacing(String from, String to) {
    return withOpcode(to + opcode.substring(from.length()));
  }

  Instruction with(int index, String operand) {
    List<String> others = new ArrayList<>(operands);
    others.set(index, operand);
    return new Instruction(open, guard, opcode, others, close);
  }

  Instruction swapped(int a, int b) {
    return with(a, operands.get(b)).with(b, operands.get(a));
  }

  Instruction withoutLast() {
    List<String> others = operands.subList(0, operands.size() - 1);
    return new Instruction(open, guard, opcode, others, close);
  }

  /** An operand's address moved by some bytes; null if it is none. */
  @Nullable Instruction moved(int index, int bytes) {
    Matcher matcher = ADDRESS.matcher(operands.get(index));
    if (!matcher.matches()) {
      return null;
    }
    int offset = (matcher.group(2) == null ? 0 : Integer.parseInt(matcher.group(2))) + bytes;
    return with(index, "[" + matcher.group(1) + (offset == 0 ? "" : "+" + offset) + "]");
  }

  /** How many bytes a thread loads or stores. */
  int accessBytes() {
    Matcher vector = VECTOR.matcher(opcode);
    Matcher bits = BITS.matcher(opcode);
    if (is("ldmatrix", "cp.async") || !bits.find()) {
      return 16;
    }
    return Integer.parseInt(bits.group(1))
        / 8
        * (vector.find() ? vector.group(1).charAt(0) - '0' : 1);
  }

  /** What is left of the line without it. */
  String emptied() {
    return open + close;
  }

  /** A line of PTX. */
  String line() {
    return "\t" + open + this + close;
  }

  /** One line without braces of inline assembly. */
  @Override
  public String toString() {
    return (guard.isEmpty() ? "" : guard + " ")
        + opcode
        + (operands.isEmpty() ? "" : " " + String.join(", ", operands))
        + ";";
  }
}
