package io.resfuse.verify.mutation;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.resfuse.report.Html;
import io.resfuse.report.Table;
import io.resfuse.verify.mutation.MutantResult.State;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** What became of many mutants, as text, JSON and an HTML page. Immutable. */
public final class MutationReport {
  private static final List<String> COLUMNS =
      List.of("mutants", "caught", "survived", "explained", "caught by");

  private final List<MutantResult> results;
  private final List<String> unusable;
  private final long refused;
  private final long seed;

  MutationReport(List<MutantResult> results, List<String> unusable, long refused, long seed) {
    this.results = List.copyOf(results);
    this.unusable = List.copyOf(unusable);
    this.refused = refused;
    this.seed = seed;
  }

  /**
   * Whether the cases have caught all mutants but those that are explained.
   *
   * @return false too if there was no mutant at all, or a case that fails with the kernels as they
   *     are
   */
  public boolean passed() {
    return !results.isEmpty()
        && unusable.isEmpty()
        && results.stream().noneMatch(MutantResult::isGap);
  }

  List<MutantResult> results() {
    return results;
  }

  /**
   * One line that sums up.
   *
   * @return counts
   */
  public String summary() {
    long gaps = results.stream().filter(MutantResult::isGap).count();
    return String.format(
        Locale.ROOT,
        "%d mutants of %d kernels: %d caught, %d explained, %d survived without explanation (%.1f %%);"
            + " %d more were no valid PTX; seed %d",
        results.size(),
        by(result -> result.mutant().kernel()).size(),
        count(results, State.CAUGHT),
        count(results, State.EXPLAINED),
        gaps,
        results.isEmpty() ? 0.0 : 100.0 * gaps / results.size(),
        refused,
        seed);
  }

  private static long count(List<MutantResult> some, State state) {
    return some.stream().filter(result -> result.state() == state).count();
  }

  private Map<String, List<MutantResult>> by(Function<MutantResult, String> what) {
    return results.stream().collect(Collectors.groupingBy(what, TreeMap::new, Collectors.toList()));
  }

  private static List<String> cells(List<MutantResult> some) {
    Map<String, Long> catchers =
        some.stream()
            .filter(result -> result.state() == State.CAUGHT)
            .collect(Collectors.groupingBy(MutantResult::by, TreeMap::new, Collectors.counting()));
    return List.of(
        Integer.toString(some.size()),
        Long.toString(count(some, State.CAUGHT)),
        Long.toString(some.stream().filter(MutantResult::isGap).count()),
        Long.toString(count(some, State.EXPLAINED)),
        catchers.entrySet().stream()
            .map(entry -> entry.getKey() + " " + entry.getValue())
            .collect(Collectors.joining(", ")));
  }

  /** Rows of a table by what they begin with: by kernel, by operator, and all. */
  private Map<String, Map<String, List<MutantResult>>> tables() {
    Map<String, Map<String, List<MutantResult>>> tables = new LinkedHashMap<>();
    tables.put("kernel", by(result -> result.mutant().kernel()));
    tables.put("operator", by(result -> result.mutant().operator().toString()));
    tables.put("", Map.of("all", results));
    return tables;
  }

  /**
   * Tables by kernel and by operator, the survivors, and the sum.
   *
   * @return lines for people
   */
  public String text() {
    StringBuilder text = new StringBuilder();
    tables()
        .forEach(
            (name, rows) -> {
              text.append(row(name, COLUMNS));
              rows.forEach((first, some) -> text.append(row(first, cells(some))));
            });
    for (MutantResult result : survivors()) {
      text.append(String.format("survived: %s%n", described(result)));
    }
    unusable.forEach(
        one -> text.append(String.format("fails with the kernels as they are: %s%n", one)));
    return text.append(summary()).toString();
  }

  private static String row(String first, List<String> cells) {
    return String.format(
        "%-32s %7s %6s %8s %9s  %s%n",
        first, cells.get(0), cells.get(1), cells.get(2), cells.get(3), cells.get(4));
  }

  private List<MutantResult> survivors() {
    List<MutantResult> survivors = new ArrayList<>();
    for (State state : List.of(State.NOT_RUN, State.SURVIVED, State.EXPLAINED)) {
      results.stream().filter(result -> result.state() == state).forEach(survivors::add);
    }
    return survivors;
  }

  private static String described(MutantResult result) {
    return result.mutant()
        + " (the "
        + result.mutant().ordinal()
        + ". of these)"
        + (result.detail().isEmpty() ? "" : "; " + result.detail());
  }

  /**
   * Everything, for programs.
   *
   * @return an object with seed, passed, refused, and mutants with their ends
   */
  public String json() {
    ObjectNode root = new ObjectMapper().createObjectNode();
    root.put("seed", seed).put("passed", passed()).put("refused", refused);
    root.putPOJO("unusable", unusable);
    for (MutantResult result : results) {
      Mutant mutant = result.mutant();
      ObjectNode one = root.withArray("/mutants").addObject();
      one.put("kernel", mutant.kernel()).put("line", mutant.line());
      one.put("source", mutant.source()).put("operator", mutant.operator().toString());
      one.put("before", mutant.before()).put("after", mutant.after());
      one.put("key", mutant.key());
      one.put("state", result.state().name().toLowerCase(Locale.ROOT).replace('_', ' '));
      one.put("by", result.by()).put("detail", result.detail());
    }
    return root.toPrettyString();
  }

  /**
   * A page of its own: the tables and the survivors.
   *
   * @return the file's text
   */
  public String html() {
    String title = "Mutants of " + by(result -> result.mutant().kernel()).size() + " kernels";
    StringBuilder body = new StringBuilder("<h1>" + Html.escaped(title) + "</h1>\n");
    body.append(Html.paragraph(summary()));
    unusable.forEach(
        one -> body.append(Html.paragraph("Fails with the kernels as they are: " + one)));
    if (!survivors().isEmpty()) {
      body.append(Html.heading("Survivors"));
      survivors().forEach(result -> body.append(Html.paragraph(described(result))));
    }
    tables()
        .forEach(
            (name, rows) -> {
              List<List<String>> lines = new ArrayList<>();
              rows.forEach((first, some) -> lines.add(line(first, cells(some))));
              body.append(Table.html(line(name, COLUMNS), lines));
            });
    return Html.page("resfuse verify: " + title, body.toString());
  }

  private static List<String> line(String first, List<String> cells) {
    return Stream.concat(Stream.of(first), cells.stream()).toList();
  }
}
