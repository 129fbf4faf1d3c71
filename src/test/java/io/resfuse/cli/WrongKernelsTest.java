package io.resfuse.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.resfuse.engine.cuda.SoftCudaExtension;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * {@code resfuse verify --kernel} with kernels of ours that have one mistake each: it names the
 * operation, the first wrong place and the size of the error, and finds nothing wrong elsewhere.
 */
@ExtendWith(SoftCudaExtension.class)
class WrongKernelsTest {
  private static final Path KERNELS = Path.of("examples/kernels/wrong");

  /** The misses of each operation by rung. */
  private static Map<String, Map<String, String>> verify(int exitCode, String... more)
      throws Exception {
    List<String> arguments =
        new ArrayList<>(List.of("verify", "--engine", "cuda", "--device", "softcuda", "--json"));
    arguments.addAll(List.of("--precision", "fp16", "--shapes", KERNELS + "/shapes.yaml"));
    arguments.addAll(List.of(more));
    Outcome outcome = Outcome.of(arguments.toArray(String[]::new));
    assertThat(outcome.exitCode()).as(outcome.out() + outcome.err()).isEqualTo(exitCode);
    assertThat(outcome.err()).isEmpty();
    Map<String, Map<String, String>> misses = new TreeMap<>();
    for (JsonNode test : new ObjectMapper().readTree(outcome.out()).path("cases")) {
      Map<String, String> byRung = new TreeMap<>();
      for (JsonNode check : test.path("checks")) {
        assertThat(check.path("status").asText()).isNotEqualTo("untrustworthy");
        if (check.path("status").asText().equals("missed")) {
          byRung.put(check.path("rung").asText(), check.path("detail").asText());
        }
      }
      misses.put(test.path("name").asText(), byRung);
    }
    return misses;
  }

  @Test
  void ourKernelsAreRight() throws Exception {
    assertThat(verify(0))
        .hasSize(3)
        .allSatisfy((operation, misses) -> assertThat(misses).isEmpty());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "prologue_padding     | 1   | exact      | out at (n=0, h=0, w=0, c=0)",
        "swapped_fragment     | 123 | inference  | out at (n=0, h=0, w=",
        "missing_residual     | 2   | exact      | out at (n=0, h=0, w=",
        "unrounded_statistics | 23  | statistics | bn.running_mean after the step at [0]",
        "stale_running_mean   | 123 | statistics | bn.running_mean after the step at [0]",
        "strided_gradient     | 3   | exact      | gradient of the images at (n=0, h=0, w=0, c=0)",
      })
  void eachMistakeIsCaughtWhereItIs(String mistake, String operations, String rung, String place)
      throws Exception {
    verify(1, "--kernel", KERNELS.resolve(mistake + ".ptx").toString())
        .forEach(
            (operation, misses) -> {
              if (operations.contains(operation.substring(0, 1))) {
                assertThat(misses.get(rung))
                    .as("%s %s", operation, misses)
                    .contains(place)
                    .containsPattern(": got \\S+, expected \\S+, off by \\S+ \\(");
              } else {
                assertThat(misses).as(operation).isEmpty();
              }
            });
  }

  @Test
  void thereIsAKernelForEachPatch() throws Exception {
    try (var files = Files.list(KERNELS)) {
      List<String> names = files.map(file -> file.getFileName().toString()).toList();
      assertThat(names.stream().filter(name -> name.endsWith(".patch")))
          .hasSize(6)
          .allSatisfy(name -> assertThat(names).contains(name.replace(".patch", ".ptx")));
      assertThat(names).hasSize(13);
    }
  }
}
