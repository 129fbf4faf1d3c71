package io.resfuse.train.report;

import static io.resfuse.train.report.ErrorCurves.TEST;
import static io.resfuse.train.report.ErrorCurves.TRAINING;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.resfuse.report.Axis;
import io.resfuse.report.Html;
import io.resfuse.report.Plot;
import io.resfuse.report.Series;
import io.resfuse.report.Table;
import io.resfuse.train.recipe.RecipeReader;
import io.resfuse.train.recipe.TrainingRecipe;
import io.resfuse.train.run.RunHistory;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.Collectors;

/**
 * Networks that learned the same pictures by the same recipe, side by side: what they cost, and
 * their errors at equal epochs and at equal times. Immutable.
 */
public final class ComparisonReport {
  private final TrainingRecipe recipe;
  private final String data;
  private final List<Member> members;

  /**
   * A network of the study.
   *
   * @param network its name
   * @param parameters that are trained
   * @param flops of one picture forward, twice the multiply-adds
   * @param history of its training
   */
  public record Member(String network, long parameters, long flops, RunHistory history) {
    /** Epochs with an evaluation. */
    List<JsonNode> epochs() {
      return history.of("epoch").stream().filter(epoch -> epoch.path(TEST).isNumber()).toList();
    }

    /** The last epoch that was over at a time, if any was. */
    Optional<JsonNode> at(double seconds) {
      return epochs().stream()
          .filter(epoch -> epoch.path("seconds").asDouble() <= seconds)
          .reduce((before, after) -> after);
    }

    double seconds() {
      return at(Double.MAX_VALUE).map(epoch -> epoch.path("seconds").asDouble()).orElse(0.0);
    }
  }

  /**
   * A report.
   *
   * @param recipe that all were trained with, but for the network
   * @param data what it was trained on
   * @param members in the order in which they are shown
   */
  public ComparisonReport(TrainingRecipe recipe, String data, List<Member> members) {
    this.recipe = recipe;
    this.data = data;
    this.members = List.copyOf(members);
  }

  /** When the first of them was done: so long all have trained. */
  private double sharedSeconds() {
    return members.stream().mapToDouble(Member::seconds).min().orElse(0);
  }

  /** What the evaluations during the training are on. */
  private String judged() {
    return recipe.validation() == 0 ? "test" : "held-out";
  }

  private static String error(Optional<JsonNode> epoch, String field) {
    return epoch
        .filter(node -> node.path(field).isNumber())
        .map(node -> String.format(Locale.ROOT, "%.2f%%", ErrorCurves.error(node, field)))
        .orElse("none yet");
  }

  private static String time(double seconds) {
    long whole = Math.round(seconds);
    return String.format(Locale.ROOT, "%d:%02d", whole / 60, whole % 60);
  }

  /**
   * The page.
   *
   * @return HTML that is also well-formed XML, without anything from elsewhere
   */
  public String html() {
    String title = "Networks side by side on " + data;
    StringBuilder body = new StringBuilder("<h1>" + Html.escaped(title) + "</h1>\n");
    body.append(
        Html.paragraph(
            "The same recipe and the same pictures for all. Times are of training and evaluation,"
                + " one network after the other. Training errors are means over the epoch, on"
                + " augmented pictures."));
    body.append(table());
    for (String sentence : findings()) {
      body.append(Html.paragraph(sentence));
    }
    body.append(Html.heading("Error over the training"));
    body.append(
        Html.plots(
            errors("At equal epochs: error in %", "epoch"),
            errors("At equal times: error in %", "seconds")));
    body.append(Html.heading("Recipe"));
    body.append("<pre>" + Html.escaped(RecipeReader.toJson(recipe)) + "</pre>\n");
    return Html.page(title, body.toString());
  }

  private String table() {
    String shared = time(sharedSeconds());
    List<List<String>> rows = new ArrayList<>();
    for (Member member : members) {
      Optional<JsonNode> last = member.at(Double.MAX_VALUE);
      rows.add(
          List.of(
              member.network(),
              String.format(Locale.ROOT, "%,d", member.parameters()),
              String.format(Locale.ROOT, "%,.1f", member.flops() / 1e6),
              time(member.seconds()),
              error(member.at(sharedSeconds()), TEST),
              error(last, TEST),
              error(last, TRAINING)));
    }
    return Table.html(
        List.of(
            "network",
            "parameters",
            "MFLOP per picture",
            "time",
            judged() + " error after " + shared,
            judged() + " error at the end",
            "training error at the end"),
        rows);
  }

  /** What the numbers say at equal epochs and at equal times. */
  List<String> findings() {
    int epochs = members.stream().mapToInt(member -> member.epochs().size()).min().orElse(0);
    if (epochs == 0) {
      return List.of();
    }
    return List.of(
        String.format(
            Locale.ROOT,
            "Errors on %s pictures after %d epochs: %s.",
            judged(),
            epochs,
            each(member -> Optional.of(member.epochs().get(epochs - 1)))),
        String.format(
            Locale.ROOT,
            "Errors on %s pictures after %s, when the first has finished: %s.",
            judged(),
            time(sharedSeconds()),
            each(member -> member.at(sharedSeconds()))));
  }

  private String each(Function<Member, Optional<JsonNode>> epoch) {
    return members.stream()
        .map(member -> member.network() + " " + error(epoch.apply(member), TEST))
        .collect(Collectors.joining(", "));
  }

  private String errors(String title, String over) {
    Axis axis =
        ErrorCurves.axis(members.stream().flatMap(member -> member.history().of("epoch").stream()));
    List<Series> series = new ArrayList<>();
    for (Member member : members) {
      String name = member.network() + ", ";
      series.add(curve(member, name + judged(), TEST, over, Series.Style.LINE));
      series.add(curve(member, name + "training", TRAINING, over, Series.Style.FAINT));
    }
    return new Plot(title, over, false, false, series, axis).html();
  }

  private static Series curve(
      Member member, String name, String field, String over, Series.Style style) {
    List<JsonNode> epochs = member.history().of("epoch");
    return over.equals("epoch")
        ? ErrorCurves.of(name, epochs, field, style)
        : ErrorCurves.of(name, epochs, epoch -> epoch.path(over).asDouble(), field, style);
  }

  /**
   * The numbers.
   *
   * @return per network what it costs and its errors by epoch, with the seconds
   */
  public String json() {
    ObjectNode node = new ObjectMapper().createObjectNode().put("data", data);
    node.put("shared_seconds", sharedSeconds());
    ArrayNode findings = node.putArray("findings");
    findings().forEach(findings::add);
    ArrayNode networks = node.putArray("networks");
    for (Member member : members) {
      ObjectNode one = networks.addObject().put("network", member.network());
      one.put("parameters", member.parameters()).put("flops", member.flops());
      one.put("seconds", member.seconds());
      one.putArray("epochs").addAll(member.history().of("epoch"));
    }
    return node.toPrettyString();
  }
}
