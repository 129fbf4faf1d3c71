package io.resfuse.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.offset;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.resfuse.engine.TorchvisionCase.Expected;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The committed files are what {@code make_expected.py} writes. Skipped where no Python with torch
 * and torchvision is found, and never run for timm's, which no package of Debian has; {@code
 * -Dresfuse.python=} names one. Only a quick case is run, unless {@code
 * -Dresfuse.torchvision.all=true}.
 */
class TorchvisionScriptTest {
  private static String python = "";

  @TempDir private static Path directory;

  @BeforeAll
  static void findPython() throws IOException, InterruptedException {
    for (String candidate :
        List.of(System.getProperty("resfuse.python", ""), "/usr/bin/python3", "python3")) {
      if (!candidate.isEmpty() && run(List.of(candidate, "-c", "import torch, torchvision")) == 0) {
        python = candidate;
        return;
      }
    }
    assumeTrue(
        false,
        "no Python has torch and torchvision; on Debian: apt install python3-torchvision, or name"
            + " one by -Dresfuse.python=");
  }

  private static int run(List<String> command) throws IOException, InterruptedException {
    Process process;
    try {
      process =
          new ProcessBuilder(command)
              .redirectErrorStream(true)
              .redirectOutput(new File("target", "torchvision-script.log"))
              .start();
    } catch (IOException e) {
      return -1; // There is no such program.
    }
    if (!process.waitFor(5, TimeUnit.MINUTES)) {
      process.destroyForcibly();
      return -1;
    }
    return process.exitValue();
  }

  private static String rerun(String name) throws IOException, InterruptedException {
    Path script;
    try {
      script = Path.of(TorchvisionCase.class.getResource("/torchvision/make_expected.py").toURI());
    } catch (URISyntaxException e) {
      throw new AssertionError(e);
    }
    List<String> command = new ArrayList<>(List.of(python, script.toString()));
    command.addAll(List.of("--out", directory.toString(), name));
    assertThat(run(command)).as("exit code, see target/torchvision-script.log").isZero();
    return Files.readString(directory.resolve(name + ".tsv"));
  }

  static List<String> cases() {
    return Boolean.getBoolean("resfuse.torchvision.all")
        ? TorchvisionCase.NAMES.stream().filter(name -> !TorchvisionCase.isTimms(name)).toList()
        : List.of("resnet20");
  }

  @ParameterizedTest
  @MethodSource("cases")
  void expectedValuesAreTheScripts(String name) throws IOException, InterruptedException {
    TorchvisionCase committed = TorchvisionCase.of(name);
    TorchvisionCase written = TorchvisionCase.parse(rerun(name));
    assertThat(written.loss()).isCloseTo(committed.loss(), offset(1e-10 * committed.loss()));
    assertThat(written.arrays().keySet()).isEqualTo(committed.arrays().keySet());
    committed
        .arrays()
        .forEach(
            (array, expected) -> {
              Expected again = written.arrays().get(array);
              double allowed = 1e-10 * expected.norm();
              assertThat(again.norm()).as(array).isCloseTo(expected.norm(), offset(allowed));
              for (int j = 0; j < TorchvisionCase.PROJECTIONS; j++) {
                assertThat(again.sums().get(j))
                    .as(array)
                    .isCloseTo(expected.sums().get(j), offset(allowed));
              }
              // PyTorch's float32 errors are those of its machine, and in part chance.
              if (array.equals("inference")) {
                assertThat(again.pytorchError())
                    .isBetween(expected.pytorchError() / 4, expected.pytorchError() * 4);
              }
            });
  }

  @Test
  void stateDictsAreTheScripts() throws IOException, InterruptedException {
    try (InputStream file =
        TorchvisionCase.class.getResourceAsStream("/torchvision/state_dicts.tsv")) {
      assertThat(rerun("state_dicts"))
          .isEqualTo(new String(file.readAllBytes(), StandardCharsets.UTF_8));
    }
  }
}
