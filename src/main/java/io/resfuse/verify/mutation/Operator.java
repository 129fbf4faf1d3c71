package io.resfuse.verify.mutation;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** A way to change an instruction into another. */
enum Operator {
  /**
   * An integer becomes the next, the one before or 0; a floating-point number 0, and 0 becomes 1.
   */
  CONSTANT {
    @Override
    void mutate(Instruction of, List<String> nearby, List<@Nullable Instruction> to) {
      if (of.is("shl", "shr", "bar", "cp", "mma")) {
        return;
      }
      for (int i = firstSource(of); i < of.operands().size(); i++) {
        String operand = of.operands().get(i);
        if (operand.matches("-?\\d{1,9}")) {
          long value = Long.parseLong(operand);
          to.add(of.with(i, Long.toString(value + 1)));
          to.add(of.with(i, Long.toString(value - 1)));
          if (Math.abs(value) > 1) {
            to.add(of.with(i, "0"));
          }
        } else if (operand.matches("0f[0-9A-F]{8}")) {
          to.add(of.with(i, operand.matches("0f[08]0{7}") ? "0f3F800000" : "0f00000000"));
        }
      }
    }
  },
  /** What was done where a predicate holds is done where it does not. */
  PREDICATE {
    @Override
    void mutate(Instruction of, List<String> nearby, List<@Nullable Instruction> to) {
      if (of.guard().startsWith("@!")) {
        to.add(of.withGuard("@" + of.guard().substring(2)));
      } else if (!of.guard().isEmpty()) {
        to.add(of.withGuard("@!" + of.guard().substring(1)));
      }
    }
  },
  /** Less becomes less or equal, or not less, and so on. */
  COMPARISON {
    @Override
    void mutate(Instruction of, List<String> nearby, List<@Nullable Instruction> to) {
      String[] words = of.opcode().split("\\.", -1);
      if (of.is("setp") && COMPARISONS.containsKey(words[1])) {
        for (String other : COMPARISONS.get(words[1])) {
          to.add(of.replacing("setp." + words[1], "setp." + other));
        }
      }
    }
  },
  /** Plus becomes minus, and becomes or, quotient becomes remainder, and back. */
  ARITHMETIC {
    @Override
    void mutate(Instruction of, List<String> nearby, List<@Nullable Instruction> to) {
      for (String[] pair : OPPOSITES) {
        if (of.is(pair[0])) {
          to.add(of.replacing(pair[0], pair[1]));
          return;
        }
      }
    }
  },
  /** A product without what is added to it, or with it in the place of a factor. */
  ADDEND {
    @Override
    void mutate(Instruction of, List<String> nearby, List<@Nullable Instruction> to) {
      if (of.is("fma")) {
        to.add(of.replacing("fma", "mul").withoutLast());
        to.add(of.swapped(2, 3));
      } else if (of.is("mad")) {
        to.add(of.replacing("mad", "mul").withoutLast());
        if (of.is("mad.lo")) {
          to.add(of.swapped(1, 3));
        }
      }
    }
  },
  /** A shift by one bit more or less, or the other way. */
  SHIFT {
    @Override
    void mutate(Instruction of, List<String> nearby, List<@Nullable Instruction> to) {
      if (!of.is("shl", "shr")) {
        return;
      }
      String amount = of.operands().get(2);
      if (amount.matches("\\d{1,2}")) {
        int bits = Integer.parseInt(amount);
        to.add(of.with(2, Integer.toString(bits + 1)));
        to.add(of.with(2, Integer.toString(bits - 1)));
      }
      if (of.is("shl")) {
        to.add(of.withOpcode(of.opcode().replace("shl.b", "shr.u")));
      } else {
        to.add(of.withOpcode("shl.b" + of.opcode().replaceAll("\\D", "")));
      }
    }
  },
  /** Another register of the same type, the one that was written last, in the place of a source. */
  REGISTER {
    @Override
    void mutate(Instruction of, List<String> nearby, List<@Nullable Instruction> to) {
      for (int i = firstSource(of); i < of.operands().size(); i++) {
        Matcher register = REGISTER_OPERAND.matcher(of.operands().get(i));
        if (register.matches()) {
          String other = lastOther(of, register.group(2), nearby);
          if (other != null) {
            to.add(of.with(i, register.group(1) + other + register.group(4)));
          }
        }
      }
    }
  },
  /** A load or a store of what lies before or behind. */
  OFFSET {
    @Override
    void mutate(Instruction of, List<String> nearby, List<@Nullable Instruction> to) {
      for (int i = 0; i < of.operands().size(); i++) {
        Instruction moved = of.moved(i, of.accessBytes());
        if (moved != null) {
          to.add(moved);
          to.add(of.moved(i, -of.accessBytes()));
        }
      }
    }
  },
  /** A barrier, a fence or a wait is left out, or a wait leaves one more group under way. */
  BARRIER {
    @Override
    void mutate(Instruction of, List<String> nearby, List<@Nullable Instruction> to) {
      if (of.is("bar", "barrier", "membar", "fence", "mbarrier", "cp.async.commit_group")) {
        to.add(null);
      } else if (of.is("cp.async.wait_group", "cp.async.wait_all")) {
        to.add(null);
        if (!of.operands().isEmpty()) {
          to.add(of.with(0, Integer.toString(Integer.parseInt(of.operands().get(0)) + 1)));
        }
      }
    }
  },
  /** A store, a copy, a branch or an atomic operation is left out. */
  REMOVAL {
    @Override
    void mutate(Instruction of, List<String> nearby, List<@Nullable Instruction> to) {
      if (of.is("st", "bra", "red", "atom", "cp.async.cg", "cp.async.ca")) {
        to.add(null);
      }
    }
  },
  /** The larger becomes the smaller, and back; or NaN is not handed on. */
  EXTREMUM {
    @Override
    void mutate(Instruction of, List<String> nearby, List<@Nullable Instruction> to) {
      if (of.is("min")) {
        to.add(of.replacing("min", "max"));
      } else if (of.is("max")) {
        to.add(of.replacing("max", "min"));
      }
      if (of.is("max.NaN", "min.NaN")) {
        to.add(of.withOpcode(of.opcode().replace(".NaN", "")));
      }
    }
  },
  /**
   * Cut off in the place of rounded to the nearest; integers are no larger than floats have all.
   */
  ROUNDING {
    @Override
    void mutate(Instruction of, List<String> nearby, List<@Nullable Instruction> to) {
      if (of.is("cvt.rn") && !of.opcode().matches(".*\\.[su]\\d+")) {
        to.add(of.replacing("cvt.rn", "cvt.rz"));
      } else if (of.is("cvt.rna.tf32.f32")) {
        to.add(of.withOpcode("mov.b32"));
      }
    }
  },
  /** Two registers of a tensor core's fragment change places. */
  FRAGMENT {
    @Override
    void mutate(Instruction of, List<String> nearby, List<@Nullable Instruction> to) {
      if (of.is("mma")) {
        for (int i = 1; i < of.operands().size(); i++) {
          to.add(of.with(i, swappedInside(of.operands().get(i))));
        }
      } else if (of.is("ldmatrix")) {
        to.add(of.with(0, swappedInside(of.operands().get(0))));
      }
    }
  },
  /** The other of two values. */
  SELECTION {
    @Override
    void mutate(Instruction of, List<String> nearby, List<@Nullable Instruction> to) {
      if (of.is("selp")) {
        to.add(of.swapped(1, 2));
      }
    }
  };

  private static final Map<String, List<String>> COMPARISONS =
      Map.ofEntries(
          Map.entry("lt", List.of("le", "ge")),
          Map.entry("le", List.of("lt", "gt")),
          Map.entry("gt", List.of("ge", "le")),
          Map.entry("ge", List.of("gt", "lt")),
          Map.entry("eq", List.of("ne")),
          Map.entry("ne", List.of("eq")),
          Map.entry("ltu", List.of("leu", "geu")),
          Map.entry("leu", List.of("ltu", "gtu")),
          Map.entry("gtu", List.of("geu", "leu")),
          Map.entry("geu", List.of("gtu", "ltu")),
          Map.entry("equ", List.of("neu")),
          Map.entry("neu", List.of("equ")),
          Map.entry("nan", List.of("num")),
          Map.entry("num", List.of("nan")));

  private static final String[][] OPPOSITES = {
    {"add", "sub"},
    {"sub", "add"},
    {"and", "or"},
    {"or", "and"},
    {"xor", "or"},
    {"rem", "div"},
    {"div.s32", "rem.s32"},
    {"div.u32", "rem.u32"},
    {"div.s64", "rem.s64"},
    {"div.rn.f32", "mul.rn.f32"},
    {"div.approx.f32", "mul.rn.f32"},
    {"mul.lo", "add"},
    {"mul.f32", "add.f32"},
    {"mul.rn.f32", "add.rn.f32"},
    {"neg.f32", "mov.f32"},
    {"neg.s32", "mov.b32"},
    {"not.b32", "mov.b32"},
    {"not.pred", "mov.pred"},
  };

  /** A register, by itself or as the base of an address. */
  private static final Pattern REGISTER_OPERAND =
      Pattern.compile("(\\[?)((%[a-z]+)\\d+)((?:\\s*\\+\\s*-?\\d+)?\\]?)");

  private static final Pattern REGISTER_NAME = Pattern.compile("%[a-z]+\\d+");

  /**
   * Finds what an instruction can become.
   *
   * @param of which
   * @param nearby registers written before it, the last first
   * @param to takes instructions; null stands for none
   */
  abstract void mutate(Instruction of, List<String> nearby, List<@Nullable Instruction> to);

  private static int firstSource(Instruction of) {
    return of.isEffect() ? 0 : 1;
  }

  private static @Nullable String lastOther(Instruction of, String register, List<String> nearby) {
    Set<String> used = registers(of);
    String kind = register.replaceAll("\\d", "");
    for (String other : nearby) {
      if (other.replaceAll("\\d", "").equals(kind) && !used.contains(other)) {
        return other;
      }
    }
    return null;
  }

  private static Set<String> registers(Instruction of) {
    return Set.copyOf(registers(of.toString()));
  }

  /** All registers of a text, in its order. */
  static List<String> registers(String text) {
    List<String> registers = new ArrayList<>();
    Matcher matcher = REGISTER_NAME.matcher(text);
    while (matcher.find()) {
      if (!registers.contains(matcher.group())) {
        registers.add(matcher.group());
      }
    }
    return registers;
  }

  /** A vector's first two elements the other way round. */
  private static String swappedInside(String vector) {
    String[] elements = vector.substring(1, vector.length() - 1).split(",\\s*", -1);
    String first = elements[0];
    elements[0] = elements[1];
    elements[1] = first;
    return "{" + String.join(", ", elements) + "}";
  }

  /** The name in lower case. */
  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT);
  }
}
