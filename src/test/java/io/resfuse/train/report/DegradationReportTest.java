package io.resfuse.train.report;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.resfuse.train.recipe.TrainingRecipe;
import io.resfuse.train.report.DegradationReport.Member;
import io.resfuse.train.run.RunHistory;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class DegradationReportTest {
  private static final ObjectMapper MAPPER = new ObjectMapper();

  private static Member member(String name, int depth, boolean residual, double accuracy)
      throws IOException {
    List<JsonNode> events = new ArrayList<>();
    for (int epoch = 0; epoch < 3; epoch++) {
      events.add(
          MAPPER.readTree(
              "{\"event\":\"layers\",\"epoch\":%d,\"norms\":{\"conv1\":0.01,\"a\":0.1,\"fc\":null}}"
                  .formatted(epoch)));
      events.add(
          MAPPER.readTree(
              "{\"event\":\"epoch\",\"epoch\":%d,\"training_accuracy\":%s,\"top1\":0.5}"
                  .formatted(epoch, accuracy * (epoch + 1) / 3)));
    }
    return new Member(name, depth, residual, new RunHistory(events));
  }

  @Test
  void saysAndDrawsWhatWasMeasured() throws IOException {
    DegradationReport report =
        new DegradationReport(
            TrainingRecipe.defaults(),
            "shapes",
            List.of(
                member("plain20", 20, false, 0.9),
                member("plain56", 56, false, 0.8),
                member("resnet20", 20, true, 0.9),
                member("resnet56", 56, true, 0.95)));
    assertThat(report.findings())
        .containsExactly(
            "Plain networks: with 56 layers the training error is 10.00 points higher than with"
                + " 20.",
            "Residual networks: with 56 layers the training error is 5.00 points lower than with"
                + " 20.");
    String html = report.html();
    assertThat(html.split("<svg", -1)).hasSize(6);
    assertThat(html.split("<polyline", -1)).hasSize(1 + 2 * 4 + 3 * 4);
    assertThat(html).doesNotContain("NaN", "Infinity");
    JsonNode json = MAPPER.readTree(report.json());
    assertThat(json.get("networks")).hasSize(4);
    assertThat(json.at("/networks/1/training_error").asDouble()).isBetween(19.9, 20.1);
    assertThat(json.at("/networks/0/gradient_norms")).hasSize(3);
  }
}
