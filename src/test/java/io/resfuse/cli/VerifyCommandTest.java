package io.resfuse.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code resfuse verify} as a user runs it. */
class VerifyCommandTest {
  @TempDir Path folder;

  private static Outcome verify(String... more) {
    List<String> all = new ArrayList<>(List.of("verify", "--engine", "reference"));
    all.addAll(List.of(more));
    return Outcome.of(all.toArray(String[]::new));
  }

  @Test
  void printsATableAndWritesAPage() throws Exception {
    Path page = folder.resolve("verify.html");
    Outcome outcome =
        verify("--precision", "bf16", "--random", "3", "--seed", "5", "--html", page.toString());
    assertThat(outcome.exitCode()).as(outcome.out() + outcome.err()).isZero();
    assertThat(outcome.out())
        .contains("reference in bf16", "against reference in fp64", "exact", "random 3:")
        .contains("3 cases, 0 failed", "seed 5");
    var document =
        DocumentBuilderFactory.newInstance()
            .newDocumentBuilder()
            .parse(
                new org.xml.sax.InputSource(
                    new java.io.StringReader(
                        Files.readString(page).replace("<!DOCTYPE html>", ""))));
    assertThat(document.getElementsByTagName("figure").getLength()).isGreaterThanOrEqualTo(6);
    assertThat(document.getElementsByTagName("tr").getLength()).isEqualTo(4);
    assertThat(document.getElementsByTagName("script").getLength()).isZero();
  }

  /** With shortcuts of option A, which are products with ones and zeros there. */
  @Test
  void theCpuEngineIsRightOnASmallNetwork() {
    Outcome outcome =
        Outcome.of("verify", "--engine", "onednn", "--network", "resnet20", "--size", "16");
    assertThat(outcome.exitCode()).as(outcome.out() + outcome.err()).isZero();
  }

  @Test
  void readsShapesAndPrintsJson() throws Exception {
    Path shapes = folder.resolve("shapes.yaml");
    Files.writeString(
        shapes,
        """
        - {in: 5, out: 9, kernel: 3, stride: 2, batch: 2, height: 7, width: 6, bn: true, relu: true}
        - {op: linear, in: 12, out: 40, batch: 3}
        """);
    Outcome outcome = verify("--precision", "fp32", "--shapes", shapes.toString(), "--json");
    assertThat(outcome.exitCode()).as(outcome.err()).isZero();
    JsonNode json = new ObjectMapper().readTree(outcome.out());
    assertThat(json.path("passed").asBoolean()).isTrue();
    assertThat(json.path("cases")).hasSize(2);
    JsonNode first = json.path("cases").get(0);
    assertThat(first.path("name").asText()).isEqualTo("1: conv 3x3/2 5>9 pad 1 bn relu");
    assertThat(first.path("checks")).hasSize(10);
    assertThat(first.path("errors").path("gradients")).hasSameSizeAs(json.path("bins"));
    long counted = 0;
    for (JsonNode count : first.path("errors").path("inference")) {
      counted += count.asLong();
    }
    assertThat(counted).isEqualTo(2 * 9 * 4 * 3);
  }

  @Test
  void triesWhatElseTrainingCanDo() {
    Outcome outcome = verify("--precision", "fp32", "--levels", "training");
    assertThat(outcome.exitCode()).as(outcome.out() + outcome.err()).isZero();
    assertThat(outcome.out())
        .contains(
            "nesterov: ",
            "without momentum: ",
            "adam: ",
            "adamw: ",
            "frozen: ",
            "accumulated: ",
            "6 cases, 0 failed");
  }

  @Test
  void readsShapesFromCsvAndNamesLineAndColumnOfWhatIsWrong() throws Exception {
    Path shapes = folder.resolve("shapes.csv");
    String head = "# ours\nop, in, out, kernel, stride, batch, size, bn\n";
    Files.writeString(shapes, head + "conv, 5, 9, 3, 2, 2, 7, true\n\nlinear, 12, 40,,, 3\n");
    Outcome outcome = verify("--precision", "fp32", "--shapes", shapes.toString());
    assertThat(outcome.exitCode()).as(outcome.err()).isZero();
    assertThat(outcome.out())
        .contains("1: conv 3x3/2 5>9 pad 1 bn, 2 of 7x7", "2: linear 12>40, 3 of 1x1");
    Files.writeString(shapes, head + "conv, 5, 9, three\n");
    assertThat(verify("--shapes", shapes.toString()).err())
        .contains("shapes.csv, line 3, column 4: 'kernel' must be a whole number")
        .hasLineCount(1);
    Files.writeString(shapes, head + "conv, 5, 9, 3, 2, 2, 7, true, 8\n");
    assertThat(verify("--shapes", shapes.toString()).err())
        .contains("line 3, column 9: there are 8 columns");
    Files.writeString(shapes, "op, in, kernl\nconv, 5, 3\n");
    assertThat(verify("--shapes", shapes.toString()).err())
        .contains("line 1, column 3: no field is named 'kernl'");
    Files.writeString(shapes, "op, in, kernel\n");
    assertThat(verify("--shapes", shapes.toString()).err()).contains("no operations");
  }

  @Test
  void wrongUseIsOneLine() throws Exception {
    Path shapes = folder.resolve("shapes.yaml");
    Files.writeString(shapes, "[{op: conv, in: 3, kernl: 3}]");
    Outcome misspelt = verify("--shapes", shapes.toString());
    assertThat(misspelt.exitCode()).isEqualTo(1);
    assertThat(misspelt.err()).contains("operation 1", "kernl").hasLineCount(1);
    Files.writeString(shapes, "[{op: conv, in: 3, kernel: 5, size: 2, padding: 0}]");
    Outcome tooSmall = verify("--shapes", shapes.toString());
    assertThat(tooSmall.err()).contains("operation 1", "does not fit").hasLineCount(1);
    Outcome unknown = verify("--network", "resnet51");
    assertThat(unknown.exitCode()).isEqualTo(1);
    assertThat(unknown.err()).startsWith("resfuse: no network is named").hasLineCount(1);
    assertThat(verify("--levels", "layer").exitCode()).isEqualTo(2);
  }
}
