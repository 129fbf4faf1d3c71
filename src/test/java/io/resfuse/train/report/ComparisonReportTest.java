package io.resfuse.train.report;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.resfuse.train.recipe.TrainingRecipe;
import io.resfuse.train.report.ComparisonReport.Member;
import io.resfuse.train.run.RunHistory;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class ComparisonReportTest {
  private static final ObjectMapper MAPPER = new ObjectMapper();

  /** Three epochs, of which the second has no evaluation. */
  private static Member member(String name, long parameters, double secondsPerEpoch, double gain)
      throws IOException {
    List<JsonNode> events = new ArrayList<>();
    for (int epoch = 0; epoch < 3; epoch++) {
      String test = epoch == 1 ? "" : ",\"top1\":" + (0.5 + gain * epoch);
      events.add(
          MAPPER.readTree(
              "{\"event\":\"epoch\",\"epoch\":%d,\"training_accuracy\":0.5,\"seconds\":%s%s}"
                  .formatted(epoch, secondsPerEpoch * (epoch + 1), test)));
    }
    return new Member(name, parameters, 2_000_000, new RunHistory(events));
  }

  @Test
  void comparesAtEqualEpochsAndAtEqualTimes() throws IOException {
    ComparisonReport report =
        new ComparisonReport(
            TrainingRecipe.defaults(),
            "shapes",
            List.of(
                member("quick", 1000, 20, 0.1),
                member("slow", 9000, 50, 0.2),
                member("slowest", 9000, 70, 0.2)));
    assertThat(report.findings())
        .containsExactly(
            "Errors on test pictures after 2 epochs: quick 30.00%, slow 10.00%, slowest 10.00%.",
            "Errors on test pictures after 1:00, when the first has finished: quick 30.00%, slow"
                + " 50.00%, slowest none yet.");
    String html = report.html();
    assertThat(html.split("<svg", -1)).hasSize(3);
    assertThat(html.split("<polyline", -1)).hasSize(1 + 2 * 3 * 2);
    assertThat(html).contains("9,000", "2.0", "2:30").doesNotContain("NaN", "Infinity");
    JsonNode json = MAPPER.readTree(report.json());
    assertThat(json.get("networks")).hasSize(3);
    assertThat(json.at("/networks/1/parameters").asLong()).isEqualTo(9000);
    assertThat(json.get("shared_seconds").asDouble()).isEqualTo(60);
  }

  @Test
  void showsNetworksThatHaveNotBegun() {
    Member none = new Member("none", 10, 10, new RunHistory(List.of()));
    ComparisonReport report =
        new ComparisonReport(TrainingRecipe.defaults(), "shapes", List.of(none, none));
    assertThat(report.findings()).isEmpty();
    assertThat(report.html()).contains("none yet").doesNotContain("NaN", "Infinity");
  }
}
