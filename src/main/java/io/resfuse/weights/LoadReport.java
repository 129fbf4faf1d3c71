package io.resfuse.weights;

import io.resfuse.platform.Printable;
import io.resfuse.tensor.Shape;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;

/**
 * How the tensors of a file fit the parameters of a network.
 *
 * @param missing parameters that the file does not have
 * @param unexpected tensors of the file, by the file's names, that no parameter is for
 * @param misshapen parameters whose tensor has another shape
 * @param leftOut tensors of the file, by the file's names, that are known to be no part of the
 *     network, such as those of a loss or of an average of the weights
 * @param notes what was assumed or renamed on the way, one sentence each
 */
public record LoadReport(
    List<String> missing,
    List<String> unexpected,
    List<Misshapen> misshapen,
    List<String> leftOut,
    List<String> notes) {
  private static final int LISTED = 5;

  /**
   * A parameter whose tensor has another shape.
   *
   * @param parameter its name in the network
   * @param tensor its name in the file
   * @param needed the network's shape
   * @param found the file's shape, in the network's order of dimensions
   */
  public record Misshapen(String parameter, String tensor, Shape needed, Shape found) {
    @Override
    public String toString() {
      String alias = parameter.equals(tensor) ? "" : " ('" + tensor + "')";
      return parameter + alias + " needs " + needed + ", the file has " + found;
    }
  }

  /**
   * Copies the lists.
   *
   * @param missing parameters that the file does not have
   * @param unexpected tensors that no parameter is for
   * @param misshapen parameters whose tensor has another shape
   * @param leftOut tensors that are no part of the network
   * @param notes what was assumed or renamed
   */
  public LoadReport {
    missing = List.copyOf(missing);
    unexpected = List.copyOf(unexpected);
    misshapen = List.copyOf(misshapen);
    leftOut = List.copyOf(leftOut);
    notes = List.copyOf(notes);
  }

  /**
   * Whether every parameter has a tensor and every tensor a parameter.
   *
   * @return true if there is nothing to complain about; notes and what was left out do not count
   */
  public boolean isExact() {
    return isComplete() && unexpected.isEmpty();
  }

  /**
   * Whether every parameter has a tensor of its shape.
   *
   * @return true if nothing is missing or misshapen
   */
  public boolean isComplete() {
    return missing.isEmpty() && misshapen.isEmpty();
  }

  /**
   * The parameters that get no value from the file; a lenient load leaves them initialised.
   *
   * @return the missing ones, then the misshapen ones
   */
  public List<String> withoutValue() {
    List<String> names = new ArrayList<>(missing);
    misshapen.forEach(m -> names.add(m.parameter()));
    return names;
  }

  /**
   * One line.
   *
   * @return for example {@code 2 missing, 1 unexpected}
   */
  public String summary() {
    List<String> parts = new ArrayList<>();
    addCount(parts, missing.size(), "missing");
    addCount(parts, misshapen.size(), "misshapen");
    addCount(parts, unexpected.size(), "unexpected");
    if (parts.isEmpty()) {
      parts.add("every parameter has its tensor");
    }
    addCount(parts, leftOut.size(), "left out");
    return String.join(", ", parts);
  }

  private static void addCount(List<String> parts, int count, String what) {
    if (count > 0) {
      parts.add(count + " " + what);
    }
  }

  /** The summary, then one line per kind with its first few names, then the notes. */
  @Override
  public String toString() {
    StringBuilder text = new StringBuilder(summary());
    text.append(listed("missing", missing, Function.identity()));
    text.append(listed("misshapen", misshapen, Misshapen::toString));
    text.append(listed("unexpected", unexpected, Function.identity()));
    text.append(listed("left out", leftOut, Function.identity()));
    notes.forEach(note -> text.append("\n  note: ").append(Printable.of(note)));
    return text.toString();
  }

  private static <T> String listed(String title, List<T> items, Function<T, String> name) {
    if (items.isEmpty()) {
      return "";
    }
    return "\n  " + title + ": " + first(items, name);
  }

  private static <T> String first(List<T> items, Function<T, String> name) {
    List<String> shown = items.stream().limit(LISTED).map(name).map(Printable::of).toList();
    String more = items.size() > LISTED ? ", and " + (items.size() - LISTED) + " more" : "";
    return String.join(", ", shown) + more;
  }

  /**
   * The tensors that the network does without, by the file's names.
   *
   * @return those left out and those unexpected: the first few names and how many more; empty if
   *     there are none
   */
  public String withoutPlace() {
    List<String> names = new ArrayList<>(leftOut);
    names.addAll(unexpected);
    return first(names, Function.identity());
  }
}
