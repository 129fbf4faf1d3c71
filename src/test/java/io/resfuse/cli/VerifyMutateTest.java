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

  @Test
  void aSampleIsCaught() {
    Outcome outcome = mutate("--mutants", "24", "--seed", "1", "--kernel-name", ".*_f16(_.*)?");
    assertThat(outcome.exitCode()).as(outcome.out() + outcome.err()).isZero();
    assertThat(outcome.out())
        .contains("24 mutants of 24 kernels")
        .contains("0 survived without explanation");
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
      (mutant.get("state").asText().equals("survived") ? survivors : caught)
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
