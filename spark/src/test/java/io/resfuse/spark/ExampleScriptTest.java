package io.resfuse.spark;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The script for jshell runs as it is, in processes of its own. */
class ExampleScriptTest {
  @TempDir Path folder;

  @Test
  void learnsTheGarments() throws IOException, InterruptedException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "jshell").toString());
    command.add("--class-path");
    command.add(System.getProperty("java.class.path"));
    for (String option : System.getProperty("spark.jvm").trim().split("\\s+")) {
      command.add("-R" + option);
    }
    command.add("-R-Djava.io.tmpdir=" + folder);
    command.add("spark/examples/garments.jsh");
    Path output = folder.resolve("output");
    Process process =
        new ProcessBuilder(command)
            .directory(Path.of("..").toFile())
            .redirectErrorStream(true)
            .redirectInput(ProcessBuilder.Redirect.from(Path.of("/dev/null").toFile()))
            .redirectOutput(output.toFile())
            .start();
    try {
      assertThat(process.waitFor()).isZero();
    } finally {
      process.destroyForcibly();
    }
    assertThat(Files.readString(output))
        .contains("|   trouser|    Trouser|        1.0|")
        .contains("|ankle-boot|      64| NULL|")
        .contains("learned 10 of 10 garments");
  }
}
