package io.resfuse.verify.mutation;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * A kernel of a PTX file, which can stand as a file of its own. The file must have no functions but
 * kernels, as nvcc writes those that inline everything.
 *
 * @param name of the kernel
 * @param preamble what the file says before its first kernel
 * @param lines of the kernel
 * @param firstLine of the kernel in the file, from 1 on
 * @param files of sources by their numbers, where the file has line information
 */
public record PtxKernel(
    String name, String preamble, List<String> lines, int firstLine, Map<String, String> files) {
  private static final Pattern ENTRY =
      Pattern.compile("(?:\\.visible\\s+)?\\.entry\\s+([\\w$]+).*");
  private static final Pattern FILE = Pattern.compile("\\s*\\.file\\s+(\\d+)\\s+\"([^\"]*)\".*");
  private static final Pattern LOCATION = Pattern.compile("\\s*\\.loc\\s+(\\d+)\\s+(\\d+).*");

  /** How many registers written before an instruction may take the place of one that it reads. */
  private static final int NEARBY = 12;

  /**
   * Copies.
   *
   * @param name as in the record
   * @param preamble as in the record
   * @param lines as in the record
   * @param firstLine as in the record
   * @param files as in the record
   */
  public PtxKernel {
    lines = List.copyOf(lines);
    files = Map.copyOf(files);
  }

  /**
   * The kernels of a file.
   *
   * @param ptx its text
   * @return in its order
   */
  public static List<PtxKernel> of(String ptx) {
    List<String> all = ptx.lines().toList();
    Map<String, String> files = new HashMap<>();
    List<String> preamble = new ArrayList<>();
    List<PtxKernel> kernels = new ArrayList<>();
    for (String line : all) {
      Matcher file = FILE.matcher(line);
      if (file.matches()) {
        files.put(file.group(1), file.group(2));
      }
    }
    int at = 0;
    while (at < all.size()) {
      Matcher entry = ENTRY.matcher(all.get(at));
      if (entry.matches()) {
        int end = at;
        while (!all.get(end).equals("}")) {
          end++;
        }
        kernels.add(
            new PtxKernel(
                entry.group(1),
                String.join("\n", preamble),
                all.subList(at, end + 1),
                at + 1,
                files));
        at = end;
      } else if (kernels.isEmpty() && !FILE.matcher(all.get(at)).matches()) {
        preamble.add(all.get(at));
      }
      at++;
    }
    return kernels;
  }

  /** A file of this kernel with one line changed. */
  String with(Mutant mutant) {
    return with(mutant.index(), mutant.replacement());
  }

  /** The same, ending with an error where the instruction would be run. */
  String trapping(Mutant mutant) {
    return with(mutant.index(), "\ttrap;\n" + lines.get(mutant.index()));
  }

  private String with(int index, String replacement) {
    StringBuilder text = new StringBuilder(preamble).append('\n');
    for (int i = 0; i < lines.size(); i++) {
      String line = i == index ? replacement : lines.get(i);
      if (!LOCATION.matcher(line).matches()) {
        text.append(line).append('\n');
      }
    }
    return text.toString();
  }

  /** Everything that one change can make of it, in the order of its lines. */
  List<Mutant> mutants() {
    List<Mutant> mutants = new ArrayList<>();
    Map<String, Integer> ordinals = new HashMap<>();
    Deque<String> nearby = new ArrayDeque<>();
    String source = "";
    for (int i = 0; i < lines.size(); i++) {
      Matcher location = LOCATION.matcher(lines.get(i));
      if (location.matches()) {
        source = files.getOrDefault(location.group(1), "?") + ":" + location.group(2);
      }
      Instruction instruction = Instruction.parse(lines.get(i));
      if (instruction == null) {
        continue;
      }
      for (Operator operator : Operator.values()) {
        List<@Nullable Instruction> others = new ArrayList<>();
        operator.mutate(instruction, List.copyOf(nearby), others);
        for (Instruction other : others) {
          add(mutants, ordinals, operator, i, instruction, other, source);
        }
      }
      if (!instruction.isEffect() && !instruction.operands().isEmpty()) {
        for (String register : Operator.registers(instruction.operands().get(0))) {
          nearby.remove(register);
          nearby.addFirst(register);
          if (nearby.size() > NEARBY) {
            nearby.removeLast();
          }
        }
      }
    }
    return mutants;
  }

  private void add(
      List<Mutant> mutants,
      Map<String, Integer> ordinals,
      Operator operator,
      int index,
      Instruction before,
      @Nullable Instruction after,
      String source) {
    if (before.equals(after)) {
      return;
    }
    String changed = after == null ? "" : after.toString();
    int ordinal = ordinals.merge(operator + " " + before + " " + changed, 1, Integer::sum);
    mutants.add(
        new Mutant(
            name,
            operator,
            index,
            firstLine + index,
            before.toString(),
            changed,
            after == null ? before.emptied() : after.line(),
            ordinal,
            source));
  }
}
