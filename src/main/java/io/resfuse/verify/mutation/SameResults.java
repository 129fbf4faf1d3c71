package io.resfuse.verify.mutation;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Mutants that change no result by what stands around them. Some kinds have many:
 *
 * <ul>
 *   <li>A signed quotient by a power of two is rounded towards zero by adding a number to what is
 *       negative: {@code shr.s32 a, x, 31; shr.u32 b, a, 30; add.s32 c, x, b}. Kernels divide
 *       counts and offsets, which are not negative and far from the type's end: a and b are 0.
 *   <li>A quotient of 64 bits is taken by 32 where both operands fit: {@code or.b64 a, x, y;
 *       and.b64 h, a, -4294967296; setp.eq.s64 p, h, 0; @p bra short}. The longer way gives the
 *       same, and so does the short one of all that a test has memory for.
 *   <li>The low bits of what was shifted to the left are 0, whatever a mask says of them.
 *   <li>A square to which 0 is added, in the first round of a sum, is that square: {@code mov.f32
 *       z, 0; fma.rn.f32 d, x, x, z}.
 *   <li>Zero and infinity are the same, rounded or cut off.
 *   <li>A gradient of weights behind a prologue, whose {@code max.NaN} is one copy of the ReLU of
 *       many: what a prologue makes NaN are channels whose batch statistics are NaN, at all their
 *       pixels, and other copies hand those on to the same sum.
 *   <li>A window has a bit for each row and column of taps. A loop that sets one bit more sets one
 *       that no tap asks for: {@code mad.lo.s32 y, step, tap, first; setp.lt.u32 p, y, height;
 *       selp.u32 a, 1, 0, p; shl.b32 b, a, tap; add.s32 tap, tap, 1; setp.lt.s32 q, tap, taps}.
 *   <li>A fence behind an atomic operation is for what the block reads then. Softcuda's check for
 *       races asks for the fence of the block that wrote, and for no other: only a GPU can show
 *       that this one is missing.
 * </ul>
 *
 * <p>Registers with more than one definition are not looked into. Immutable.
 */
final class SameResults {
  private static final Pattern BEHIND_PROLOGUE = Pattern.compile("wgrad_.*_norm");
  private static final Pattern WITH_WINDOWS = Pattern.compile("(conv|wgrad)_.*");

  private final Map<String, @Nullable Instruction> definitions = new HashMap<>();
  private final Map<String, List<Instruction>> uses = new HashMap<>();
  private final boolean sumsBehindPrologue;
  private final boolean hasWindows;

  /** How many there are before the first atomic operation. */
  private final int fencesOfWrites;

  SameResults(PtxKernel kernel) {
    sumsBehindPrologue = BEHIND_PROLOGUE.matcher(kernel.name()).matches();
    hasWindows = WITH_WINDOWS.matcher(kernel.name()).matches();
    int fences = 0;
    boolean isAtomicAhead = true;
    for (String line : kernel.lines()) {
      Instruction instruction = Instruction.parse(line);
      if (instruction == null) {
        continue;
      }
      isAtomicAhead = isAtomicAhead && !instruction.is("atom");
      fences += isAtomicAhead && instruction.is("membar") ? 1 : 0;
      for (String register : instruction.sources()) {
        uses.computeIfAbsent(register, any -> new ArrayList<>()).add(instruction);
      }
      if (!instruction.isEffect() && !instruction.operands().isEmpty()) {
        for (String register : Operator.registers(instruction.operands().get(0))) {
          definitions.put(register, definitions.containsKey(register) ? null : instruction);
        }
      }
    }
    fencesOfWrites = fences;
  }

  /** Why a mutant gives what the kernel gives; null if that is not known. */
  @Nullable String why(Mutant mutant) {
    Instruction before = Instruction.parse(mutant.before());
    Instruction after = mutant.after().isEmpty() ? null : Instruction.parse(mutant.after());
    if (before == null) {
      return null;
    }
    if (isWayToQuotient(before)) {
      return "the other way to the same quotient";
    }
    if (after == null) {
      return before.is("membar") && mutant.ordinal() > fencesOfWrites
          ? "a reader's fence, which no check of softcuda's asks for"
          : null;
    }
    if (isOneMoreTap(before, after)) {
      return "the bit of a tap that there is not";
    }
    if (isSignOnly(before, after)) {
      return "the sign of a dividend, which is not negative";
    }
    if (sumsBehindPrologue && before.is("max.NaN") && after.is("max") && !after.is("max.NaN")) {
      return "NaN of a channel's statistics, which its other pixels hand on";
    }
    if (isFirstSquare(before, after)) {
      return "a square to which 0 is added";
    }
    if (isRoundingOfConstant(before, after)) {
      return "zero or infinity, which needs no rounding";
    }
    return isMaskOfZeros(before, after) ? "bits that are 0 before the mask" : null;
  }

  private boolean isSignOnly(Instruction before, Instruction after) {
    if (isSign(before)) {
      // One bit less or more of a number that has neither set; and only its sign.
      return after.opcode().equals(before.opcode())
          && after.operands().subList(0, 2).equals(before.operands().subList(0, 2));
    }
    if (isRoundingOfSign(before)) {
      return after.is("shr", "shl")
          && after.operands().subList(0, 2).equals(before.operands().subList(0, 2));
    }
    return before.is("add")
        && after.is("sub")
        && before.operands().equals(after.operands())
        && isRounding(before.operands().get(1), before.operands().get(2));
  }

  /** Whether one is added to the other before a quotient. */
  private boolean isRounding(String dividend, String added) {
    Instruction rounding = definitions.get(added);
    if (rounding == null) {
      return false;
    }
    if (isRoundingOfSign(rounding)) {
      Instruction sign = definitions.get(rounding.operands().get(1));
      return sign != null && sign.operands().get(1).equals(dividend);
    }
    return isSign(rounding) && rounding.operands().get(1).equals(dividend);
  }

  /** All bits the sign, or, for a quotient by two, the sign's bit alone. */
  private boolean isSign(Instruction instruction) {
    return instruction.is("shr.s32", "shr.u32", "shr.s64", "shr.u64")
        && definitions.get(instruction.operands().get(0)) != null
        && instruction.operands().get(2).equals(instruction.opcode().endsWith("64") ? "63" : "31")
        && isAddedToItsSource(instruction);
  }

  /** Whether what it gives, or the high bits of that, are added to what it was made of. */
  private boolean isAddedToItsSource(Instruction sign) {
    String dividend = sign.operands().get(1);
    String result = sign.operands().get(0);
    for (Instruction other : definitions.values()) {
      if (other != null
          && other.is("add.s32", "add.s64")
          && other.operands().get(1).equals(dividend)
          && (other.operands().get(2).equals(result)
              || isShiftOf(definitions.get(other.operands().get(2)), result))) {
        return true;
      }
    }
    return false;
  }

  private static boolean isShiftOf(@Nullable Instruction shift, String register) {
    return shift != null
        && shift.is("shr.u32", "shr.u64")
        && shift.operands().get(1).equals(register);
  }

  private boolean isRoundingOfSign(Instruction instruction) {
    if (!instruction.is("shr.u32", "shr.u64")) {
      return false;
    }
    Instruction sign = definitions.get(instruction.operands().get(1));
    return sign != null && sign.is("shr.s32", "shr.s64") && isSign(sign);
  }

  /** What decides, and nothing else, whether a quotient of 64 bits is taken by 32. */
  private boolean isWayToQuotient(Instruction instruction) {
    if (instruction.is("bra")) {
      return instruction.guard().startsWith("@%")
          && isFit(definitions.get(instruction.guard().substring(1)));
    }
    if (!instruction.is("or.b64", "and.b64", "setp.eq.s64")) {
      return false;
    }
    if (isFit(instruction)) {
      return true;
    }
    String result = instruction.operands().get(0);
    List<Instruction> some = uses.getOrDefault(result, List.of());
    return definitions.get(result) != null
        && some.size() == 1
        && !some.get(0).is("bra")
        && isWayToQuotient(some.get(0));
  }

  /** Whether no bit above 32 is set, which is asked for a branch. */
  private boolean isFit(@Nullable Instruction zero) {
    if (zero == null || !zero.is("setp.eq.s64") || !zero.operands().get(2).equals("0")) {
      return false;
    }
    Instruction high = definitions.get(zero.operands().get(1));
    return high != null
        && high.is("and.b64")
        && high.operands().get(2).equals("-4294967296")
        && uses.getOrDefault(zero.operands().get(0), List.of()).stream()
            .allMatch(use -> use.is("bra"));
  }

  /** Whether a loop runs once more that does nothing but set a tap's bit. */
  private boolean isOneMoreTap(Instruction before, Instruction after) {
    if (!hasWindows
        || !before.is("setp.lt.s32")
        || !after.is("setp.le.s32")
        || !before.operands().equals(after.operands())) {
      return false;
    }
    String tap = before.operands().get(1);
    boolean setsBit = false;
    for (Instruction use : uses.get(tap)) {
      String last = use.operands().get(use.operands().size() - 1);
      if (use.is("mad.lo.s32")) {
        if (!isComparedOnly(use.operands().get(0))) {
          return false;
        }
      } else if ((use.is("shl.b32") && last.equals(tap))
          || (use.is("add.s32") && last.equals("16"))) {
        setsBit = true;
      } else if (!use.is("add.s32") || !last.equals("1")) {
        if (!use.toString().equals(before.toString())) {
          return false;
        }
      }
    }
    return setsBit;
  }

  private boolean isComparedOnly(String register) {
    return definitions.get(register) != null
        && uses.getOrDefault(register, List.of()).stream()
            .allMatch(use -> use.is("setp.lt.u32") && use.operands().get(1).equals(register));
  }

  private boolean isFirstSquare(Instruction before, Instruction after) {
    return before.is("fma.rn.f32")
        && after.is("mul.rn.f32")
        && before.operands().subList(0, 3).equals(after.operands())
        && before.operands().get(1).equals(before.operands().get(2))
        && "0f00000000".equals(constant(before.operands().get(3)));
  }

  private boolean isRoundingOfConstant(Instruction before, Instruction after) {
    return before.is("cvt.rn")
        && after.is("cvt.rz")
        && before.operands().equals(after.operands())
        && before.operands().stream()
            .skip(1)
            .allMatch(operand -> String.valueOf(constant(operand)).matches("0f(00|80|7F8|FF8)0+"));
  }

  /** The number that a register has; null if it is not known. */
  private @Nullable String constant(String register) {
    Instruction definition = definitions.get(register);
    return definition != null && definition.is("mov.f32") && definition.guard().isEmpty()
        ? definition.operands().get(1)
        : null;
  }

  private boolean isMaskOfZeros(Instruction before, Instruction after) {
    if (!before.opcode().equals("and.b32")
        || !after.opcode().equals("and.b32")
        || !before.operands().subList(0, 2).equals(after.operands().subList(0, 2))) {
      return false;
    }
    Instruction shift = definitions.get(before.operands().get(1));
    if (shift == null || !shift.is("shl.b32") || !shift.operands().get(2).matches("\\d{1,2}")) {
      return false;
    }
    long changed =
        Long.parseLong(before.operands().get(2)) ^ Long.parseLong(after.operands().get(2));
    return changed >>> Integer.parseInt(shift.operands().get(2)) == 0;
  }
}
