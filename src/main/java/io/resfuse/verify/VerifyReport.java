package io.resfuse.verify;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.resfuse.report.Html;
import io.resfuse.verify.Check.Status;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * Results of many cases as text, JSON and an HTML page.
 *
 * @param subject what was judged: engine, device, precision
 * @param against what gave the expected values
 * @param seed of all numbers
 * @param results in the order in which they ran
 */
public record VerifyReport(String subject, String against, long seed, List<CaseResult> results) {
  /**
   * Copies the list.
   *
   * @param subject as in the record
   * @param against as in the record
   * @param seed as in the record
   * @param results as in the record
   */
  public VerifyReport {
    results = List.copyOf(results);
  }

  /**
   * Whether no case has failed.
   *
   * @return false for a miss, a check that proves nothing, or no case at all
   */
  public boolean passed() {
    return !results.isEmpty() && results.stream().allMatch(CaseResult::passed);
  }

  /**
   * One line that sums up.
   *
   * @return counts of cases and checks
   */
  public String summary() {
    long failed = results.stream().filter(result -> !result.passed()).count();
    return "%d cases, %d failed; checks: %d ok, %d missed, %d untrustworthy, %d skipped; seed %d"
        .formatted(
            results.size(),
            failed,
            count(Status.PASSED),
            count(Status.MISSED),
            count(Status.UNTRUSTWORTHY),
            count(Status.SKIPPED),
            seed);
  }

  private long count(Status status) {
    return results.stream()
        .flatMap(result -> result.checks().stream())
        .filter(check -> check.status() == status)
        .count();
  }

  /**
   * The heads of the columns of {@link #row}.
   *
   * @return a line
   */
  public static String head() {
    StringBuilder line = new StringBuilder();
    for (Rung rung : Rung.values()) {
      line.append(String.format("%-11s", rung));
    }
    return line + "case";
  }

  /**
   * A case as a line, with a line for each failure. A number is the largest error as a share of
   * what is allowed.
   *
   * @param result of the case
   * @return text
   */
  public static String row(CaseResult result) {
    StringBuilder line = new StringBuilder();
    for (Check check : result.checks()) {
      line.append(String.format("%-11s", cell(check)));
    }
    line.append(result.test());
    for (Check check : result.checks()) {
      if (check.isFailure()) {
        line.append(System.lineSeparator())
            .append("  ")
            .append(check.rung())
            .append(check.status() == Status.MISSED ? " missed: " : " is untrustworthy: ")
            .append(check.detail());
      }
    }
    return line.toString();
  }

  private static String cell(Check check) {
    return check.status() == Status.PASSED && check.worst() > 0
        ? String.format(Locale.ROOT, "%s %.2f", check.status().mark(), check.worst())
        : check.status().mark();
  }

  /**
   * Everything, for programs.
   *
   * @return an object with subject, against, seed, passed, and cases with checks and histograms
   */
  public String json() {
    ObjectMapper mapper = new ObjectMapper();
    ObjectNode root = mapper.createObjectNode();
    root.put("subject", subject).put("against", against).put("seed", seed);
    root.put("passed", passed());
    root.putPOJO("bins", ErrorHistogram.labels());
    for (CaseResult result : results) {
      ObjectNode one = root.withArray("/cases").addObject();
      VerifyCase test = result.test();
      one.put("name", test.name()).put("level", test.level().toString());
      one.put("batch", test.batch()).put("height", test.height()).put("width", test.width());
      one.put("passed", result.passed()).put("seconds", result.seconds());
      for (Check check : result.checks()) {
        ObjectNode node = one.withArray("/checks").addObject();
        node.put("rung", check.rung().toString());
        node.put("status", check.status().name().toLowerCase(Locale.ROOT));
        if (Double.isFinite(check.worst())) {
          node.put("worst", check.worst());
        }
        node.put("detail", check.detail());
      }
      ObjectNode errors = one.putObject("errors");
      histograms(result).forEach((pass, histogram) -> errors.putPOJO(pass, histogram.counts()));
    }
    return root.toPrettyString();
  }

  private static Map<String, ErrorHistogram> histograms(CaseResult result) {
    Map<String, ErrorHistogram> all = new LinkedHashMap<>();
    all.put("inference", result.inference());
    all.put("training forward and update", result.forward());
    all.put("gradients", result.gradients());
    return all;
  }

  /**
   * A page of its own: the table, the misses, and per case histograms of errors.
   *
   * @return the file's text
   */
  public String html() {
    String title = subject + " against " + against;
    StringBuilder body = new StringBuilder("<h1>" + Html.escaped(title) + "</h1>\n");
    Map<String, String> tiles = new LinkedHashMap<>();
    tiles.put("cases", Integer.toString(results.size()));
    for (Status status : Status.values()) {
      tiles.put(status.name().toLowerCase(Locale.ROOT), Long.toString(count(status)));
    }
    tiles.put("seed", Long.toString(seed));
    body.append(Html.tiles(tiles));
    failures(body);
    table(body);
    body.append(Html.heading("Errors by decade, relative to the root mean square of the tensor"));
    for (CaseResult result : results) {
      body.append("<h3>").append(Html.escaped(result.test().toString())).append("</h3>\n");
      body.append(
          Html.plots(
              histograms(result).entrySet().stream()
                  .map(entry -> new HistogramChart(entry.getKey(), entry.getValue()).html())
                  .toArray(String[]::new)));
    }
    return Html.page("resfuse verify: " + title, body.toString());
  }

  private void failures(StringBuilder body) {
    if (passed()) {
      return;
    }
    body.append(Html.heading("What failed"));
    for (CaseResult result : results) {
      for (Check check : result.checks()) {
        if (check.isFailure()) {
          body.append(
              Html.paragraph(
                  result.test()
                      + ", "
                      + check.rung()
                      + ", "
                      + check.status().name().toLowerCase(Locale.ROOT)
                      + ": "
                      + check.detail()));
        }
      }
    }
  }

  private void table(StringBuilder body) {
    body.append(Html.heading("The ladder: largest error as a share of what is allowed"));
    body.append("<div class=\"wide\"><table>\n<tr><th>case</th>");
    for (Rung rung : Rung.values()) {
      body.append("<th>").append(rung).append("</th>");
    }
    body.append("</tr>\n");
    for (CaseResult result : results) {
      body.append("<tr><td>").append(Html.escaped(result.test().toString())).append("</td>");
      for (Check check : result.checks()) {
        body.append("<td title=\"").append(Html.escaped(check.detail())).append("\">");
        body.append(Html.escaped(cell(check))).append("</td>");
      }
      body.append("</tr>\n");
    }
    body.append("</table></div>\n");
  }
}
