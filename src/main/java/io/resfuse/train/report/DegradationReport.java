package io.resfuse.train.report;

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

/**
 * Plain and residual networks of several depths side by side, as figure 6 of He et al. 2015: errors
 * over the training, and the norm of each layer's gradient. Immutable.
 */
public final class DegradationReport {
  private final TrainingRecipe recipe;
  private final String data;
  private final List<Member> members;

  /**
   * A network of the study.
   *
   * @param network its name
   * @param depth its layers
   * @param residual whether it has shortcuts
   * @param history of its training
   */
  public record Member(String network, int depth, boolean residual, RunHistory history) {
    private double last(String field) {
      List<JsonNode> epochs = history.of("epoch");
      return epochs.isEmpty() ? Double.NaN : epochs.get(epochs.size() - 1).path(field).asDouble();
    }

    double trainingError() {
      return 100 * (1 - last(ErrorCurves.TRAINING));
    }

    double testError() {
      return 100 * (1 - last(ErrorCurves.TEST));
    }
  }

  /**
   * A report.
   *
   * @param recipe that all were trained with, but for the network
   * @param data what it was trained on
   * @param members in the order in which they are shown
   */
  public DegradationReport(TrainingRecipe recipe, String data, List<Member> members) {
    this.recipe = recipe;
    this.data = data;
    this.members = List.copyOf(members);
  }

  /**
   * The page.
   *
   * @return HTML that is also well-formed XML, without anything from elsewhere
   */
  public String html() {
    String title = "Plain and residual networks on " + data;
    StringBuilder body = new StringBuilder("<h1>" + Html.escaped(title) + "</h1>\n");
    body.append(
        Html.paragraph(
            "The same recipe for all; plain networks are the residual ones without their shortcuts."
                + " After He et al. 2015, section 4.2 and figure 6. Training errors are means over"
                + " the epoch, on augmented pictures."));
    body.append(table());
    for (String sentence : findings()) {
      body.append(Html.paragraph(sentence));
    }
    body.append(Html.heading("Error over the training"));
    Axis errors =
        ErrorCurves.axis(members.stream().flatMap(member -> member.history().of("epoch").stream()));
    body.append(
        Html.plots(
            errors("Plain: error in %", false, errors),
            errors("Residual: error in %", true, errors)));
    body.append(Html.heading("Gradient norm by layer"));
    body.append(
        Html.paragraph(
            "From the first convolution (0) to the linear layer (1), logarithmic. Where the line"
                + " falls towards 0, little of the loss's gradient reaches the early layers; where"
                + " it rises, gradients grow on their way back."));
    body.append(Html.plots(norms("At the first step", 0), norms("In the last epoch", 1)));
    body.append(
        Html.plots(firstLayer("First convolution: norm of its gradient, over the training")));
    body.append(Html.heading("Recipe"));
    body.append("<pre>" + Html.escaped(RecipeReader.toJson(recipe)) + "</pre>\n");
    return Html.page(title, body.toString());
  }

  private String table() {
    List<List<String>> rows = new ArrayList<>();
    for (Member member : members) {
      List<JsonNode> starts = member.history().of("start");
      long parameters = starts.isEmpty() ? 0 : starts.get(0).path("parameters").asLong();
      rows.add(
          List.of(
              member.network(),
              String.format(Locale.ROOT, "%,d", parameters),
              String.format(Locale.ROOT, "%.2f%%", member.trainingError()),
              String.format(Locale.ROOT, "%.2f%%", member.testError())));
    }
    return Table.html(List.of("network", "parameters", "training error", "test error"), rows);
  }

  /** What the numbers say of the deepest and the shallowest of each kind. */
  List<String> findings() {
    List<String> sentences = new ArrayList<>();
    for (boolean residual : new boolean[] {false, true}) {
      List<Member> kind = members.stream().filter(m -> m.residual() == residual).toList();
      if (kind.size() > 1) {
        Member shallow = kind.get(0);
        Member deep = kind.get(kind.size() - 1);
        double more = deep.trainingError() - shallow.trainingError();
        sentences.add(
            String.format(
                Locale.ROOT,
                "%s networks: with %d layers the training error is %.2f points %s than with %d.",
                residual ? "Residual" : "Plain",
                deep.depth(),
                Math.abs(more),
                more > 0 ? "higher" : "lower",
                shallow.depth()));
      }
    }
    return sentences;
  }

  private String errors(String title, boolean residual, Axis axis) {
    List<Series> series = new ArrayList<>();
    for (Member member : members) {
      if (member.residual() == residual) {
        List<JsonNode> epochs = member.history().of("epoch");
        String name = member.depth() + " layers, ";
        series.add(ErrorCurves.of(name + "test", epochs, ErrorCurves.TEST, Series.Style.LINE));
        series.add(
            ErrorCurves.of(name + "training", epochs, ErrorCurves.TRAINING, Series.Style.FAINT));
      }
    }
    return series.isEmpty() ? "" : new Plot(title, "epoch", false, false, series, axis).html();
  }

  private String norms(String title, int which) {
    List<Series> series = new ArrayList<>();
    for (Member member : members) {
      List<JsonNode> looks = member.history().of("layers");
      if (!looks.isEmpty()) {
        JsonNode look = looks.get(which == 0 ? 0 : looks.size() - 1);
        List<Series.Point> layers = LayerNorms.series("", look).points();
        double end = Math.max(1, look.path("norms").size() - 1);
        series.add(
            new Series(
                member.network(),
                layers.stream().map(p -> new Series.Point((p.x() - 1) / end, p.y())).toList()));
      }
    }
    return new Plot(title, "place in the network", true, series).html();
  }

  private String firstLayer(String title) {
    List<Series> series = new ArrayList<>();
    for (Member member : members) {
      List<Series.Point> points = new ArrayList<>();
      for (JsonNode look : member.history().of("layers")) {
        JsonNode norm = look.path("norms").path("conv1");
        points.add(new Series.Point(look.path("epoch").asInt(), norm.asDouble(Double.NaN)));
      }
      series.add(new Series(member.network(), points));
    }
    return new Plot(title, "epoch", true, series).html();
  }

  /**
   * The numbers.
   *
   * @return per network its errors by epoch and its gradients by layer
   */
  public String json() {
    ObjectNode node = new ObjectMapper().createObjectNode().put("data", data);
    ArrayNode findings = node.putArray("findings");
    findings().forEach(findings::add);
    ArrayNode networks = node.putArray("networks");
    for (Member member : members) {
      ObjectNode one = networks.addObject().put("network", member.network());
      one.put("depth", member.depth()).put("residual", member.residual());
      one.put("training_error", member.trainingError()).put("test_error", member.testError());
      one.putArray("epochs").addAll(member.history().of("epoch"));
      one.putArray("gradient_norms").addAll(member.history().of("layers"));
    }
    return node.toPrettyString();
  }
}
