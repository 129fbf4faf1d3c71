package io.resfuse;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.lang.module.ModuleDescriptor;
import java.lang.module.ModuleFinder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.jar.Attributes;
import java.util.jar.JarFile;
import org.junit.jupiter.api.Test;

/** The jar as it is packed; runs after that, not with the other tests. */
class JarIT {
  private static final Path JAR = Path.of("target/resfuse.jar");

  @Test
  void isAModuleForThoseWhoHaveModules() {
    ModuleDescriptor module = ModuleFinder.of(JAR).find("io.resfuse").orElseThrow().descriptor();
    assertThat(module.isAutomatic()).isTrue();
    assertThat(module.packages()).contains("io.resfuse", "io.resfuse.engine", "io.resfuse.weights");
    assertThat(module.provides())
        .anySatisfy(
            provided ->
                assertThat(provided.service()).isEqualTo("io.resfuse.engine.EngineProvider"));
  }

  @Test
  void mayLoadNativeLibrariesAsAProgram() throws IOException {
    try (JarFile jar = new JarFile(JAR.toFile())) {
      Attributes main = jar.getManifest().getMainAttributes();
      assertThat(main.getValue("Enable-Native-Access")).isEqualTo("ALL-UNNAMED");
      assertThat(main.getValue(Attributes.Name.MAIN_CLASS)).isEqualTo("io.resfuse.cli.Main");
    }
  }

  /** With the libraries that ship beside it, one of which would have log lines there. */
  @Test
  void standardOutputBelongsToResults() throws IOException {
    Process process =
        start(
            "classify",
            "--json",
            "--weights",
            "resnet20-fashion-mnist",
            "examples/fashion-mnist/bag.png");
    String out = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    String err = new String(process.getErrorStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(out.lines()).as(err).hasSize(1);
    assertThat(new ObjectMapper().readTree(out).get("file").asText()).endsWith("bag.png");
    assertThat(err).contains("auto chose engine");
  }

  @Test
  void numbersAreTheSameInEveryLanguage() throws IOException {
    Process process = start("summary");
    String out = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(out).contains("11,689,512").doesNotContain("11.689.512");
  }

  /** Starts the jar as a user would, where commas stand for points. */
  private static Process start(String... arguments) throws IOException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("-Duser.language=de", "-jar", JAR.toString()));
    command.addAll(List.of(arguments));
    return new ProcessBuilder(command).start();
  }
}
