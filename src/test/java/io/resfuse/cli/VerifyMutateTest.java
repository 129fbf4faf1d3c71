package io.resfuse.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.resfuse.engine.cuda.SoftCudaExtension;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/** {@code resfuse verify --mutate}: a sample of mutants is caught, and survivors are seen. */
@ExtendWith(SoftCudaExtension.class)
class VerifyMutateTest {
  @TempDir Path folder;

  private Outcome mutate(String... options) {
    List<String> line = new ArrayList<>(List.of("verify", "--mutate"));
    line.addAll(List.of(options));
    return Outcome.of(line.toArray(String[]::new));
  }

  /** Small shapes catch most, not all: what they leave, the whole list of cases is for. */
  @Test
  void mostOfASampleIsCaught() throws Exception {
    Path shapes = folder.resolve("shapes.yaml");
    Files.writeString(
        shapes,
        """
        - {in: 24, out: 40, kernel: 3, batch: 2, size: 9, bn: true, relu: true, residual: true}
        - {in: 9, out: 16, kernel: 3, stride: 2, batch: 3, height: 8, width: 7, bn: true, prologue: true}
        - {op: maxpool, in: 17, kernel: 3, stride: 2, batch: 2, size: 9}
        - {op: maxpool, in: 40, kernel: 3, stride: 2, padding: 1, batch: 2, size: 33}
        - {op: avgpool, in: 264, batch: 6, height: 6, width: 7}
        - {op: linear, in: 52, out: 10, batch: 4}
        - {op: loss, in: 10, batch: 4}
        """);
    Outcome outcome =
        mutate(
            "--shapes",
            shapes.toString(),
            "--mutants",
            "24",
            "--kernel-name",
            "(sgd|maxPool|maxPoolBackward|averagePool|packFloats|unpack|softmaxCrossEntropy|batchNormApply)_f16",
            "--json");
    JsonNode report = new ObjectMapper().readTree(outcome.out());
    assertThat(report.get("unusable")).isEmpty();
    assertThat(report.get("mutants")).hasSize(24);
    List<String> caught = report.get("mutants").findValuesAsText("state");
    caught.removeIf(state -> !state.equals("caught"));
    assertThat(caught).as(outcome.out()).hasSizeGreaterThanOrEqualTo(12);
    assertThat(outcome.exitCode()).isEqualTo(report.get("passed").asBoolean() ? 0 : 1);
  }

  @Test
  void survivorsAreSeenAndMayBeExplained() throws Exception {
    Path shapes = folder.resolve("shapes.yaml");
    Files.writeString(shapes, "[{op: maxpool, in: 8, kernel: 1, size: 1}]");
    Path page = folder.resolve("mutants.html");
    String[] trivial = {
      "--shapes", shapes.toString(), "--kernel-name", "maxPool_f32", "--mutants", "20", "--json"
    };
    List<String> withPage = new ArrayList<>(List.of(trivial));
    withPage.addAll(List.of("--html", page.toString()));
    Outcome outcome = mutate(withPage.toArray(String[]::new));
    assertThat(outcome.exitCode()).as(outcome.err()).isEqualTo(1);
    JsonNode report = new ObjectMapper().readTree(outcome.out());
    assertThat(report.get("passed").asBoolean()).isFalse();
    List<String> survivors = new ArrayList<>();
    List<String> caught = new ArrayList<>();
    for (JsonNode mutant : report.get("mutants")) {
      // Those that the project's own list explains are not explained by another list.
      (mutant.get("state").asText().equals("caught") ? caught : survivors)
          .add(mutant.get("key").asText());
    }
    assertThat(survivors).isNotEmpty();
    assertThat(caught).isNotEmpty();
    assertThat(Files.readString(page)).contains("Survivors");

    Path list = folder.resolve("explained.txt");
    Files.writeString(list, String.join(" | a single pixel shows little\n", survivors) + " | so");
    List<String> explained = new ArrayList<>(List.of(trivial));
    explained.addAll(List.of("--explained", list.toString()));
    Outcome again = mutate(explained.toArray(String[]::new));
    assertThat(again.exitCode()).as(again.out() + again.err()).isZero();
  }

  @Test
  void kernelsThatNoCaseRunsAreSurvivors() throws Exception {
    Path shapes = folder.resolve("shapes.yaml");
    Files.writeString(shapes, "[{op: maxpool, in: 8, kernel: 1, size: 1}]");
    Outcome outcome =
        mutate("--shapes", shapes.toString(), "--kernel-name", "sgd_f32", "--mutants", "2");
    assertThat(outcome.exitCode()).isEqualTo(1);
    assertThat(outcome.out()).contains("no case runs this kernel").contains("(100.0 %)");
  }

  @Test
  void wrongUseIsRefused() {
    assertThat(mutate("--kernel-name", "conv").err()).contains("no kernel has a name that matches");
    assertThat(mutate("--precision", "fp16").err()).contains("each kernel in its own precision");
  }
}
