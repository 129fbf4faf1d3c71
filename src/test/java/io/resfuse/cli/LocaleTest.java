package io.resfuse.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.resfuse.platform.OperatingSystem;
import io.resfuse.weights.ModelFile;
import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** File names beyond ASCII where no locale is set, as in containers: commands as processes. */
class LocaleTest {
  private static final Path CAT = Path.of("examples/chelsea.png");
  private static final ObjectMapper MAPPER = new ObjectMapper();

  @TempDir private Path folder;

  @BeforeEach
  void onLinux() {
    assumeTrue(OperatingSystem.current() == OperatingSystem.LINUX, "names are bytes on Linux");
  }

  private Path put(String rawName) throws IOException {
    Path file = Path.of(URI.create(folder.toUri() + rawName));
    Files.createDirectories(file.getParent());
    return Files.copy(CAT, file);
  }

  /** Runs a shell's words, so that arguments may be any bytes. */
  private Outcome run(String locale, String words) throws Exception {
    String java = Path.of(System.getProperty("java.home"), "bin", "java").toString();
    String classPath =
        System.getProperty("surefire.test.class.path", System.getProperty("java.class.path"));
    ProcessBuilder builder =
        new ProcessBuilder(
            "bash",
            "-c",
            "exec \"$0\" -XX:TieredStopAtLevel=1 -cp \"$1\" io.resfuse.cli.Main " + words,
            java,
            classPath);
    builder.environment().keySet().removeIf(key -> key.matches("LANG|LC_.*"));
    if (!locale.isEmpty()) {
      builder.environment().put("LC_ALL", locale);
    }
    builder.environment().put("D", folder.toString());
    Path err = folder.resolve("err.txt");
    Process process = builder.redirectError(err.toFile()).start();
    String out = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    return new Outcome(process.waitFor(), out, Files.readString(err, StandardCharsets.UTF_8));
  }

  private List<String> written(String name) throws IOException {
    try (Stream<Path> files = Files.walk(folder.resolve(name))) {
      return files
          .filter(Files::isRegularFile)
          .map(file -> folder.relativize(file).toString().isEmpty() ? "" : raw(file))
          .sorted()
          .toList();
    }
  }

  private String raw(Path file) {
    return file.toUri().toString().substring(folder.toUri().toString().length());
  }

  @Test
  void everyPictureOfAFolderIsReadAndDrawn() throws Exception {
    put("u/a.png");
    put("u/b%C3%BCcher.png");
    put("u/b%FCcher.png");
    put("u/b%FDcher/b%FCcher.png");
    put("u/z.png");
    TestModels.tiny(folder);
    for (String locale : List.of("", "C.UTF-8")) {
      Outcome outcome =
          run(
              locale,
              "classify --engine reference --weights $D/tiny.safetensors --json --draw $D/out$LC_ALL"
                  + " $D/u");
      assertThat(outcome.exitCode()).as(outcome.err()).isZero();
      List<String> names = new ArrayList<>();
      for (String line : outcome.out().lines().toList()) {
        JsonNode node = MAPPER.readTree(line);
        assertThat(node.has("predictions")).isTrue();
        names.add(node.get("file").asText().substring(folder.toString().length() + 3));
      }
      if (locale.isEmpty()) {
        assertThat(names).hasSize(5).contains("a.png", "z.png");
      } else {
        assertThat(names)
            .containsExactly(
                "a.png",
                "b\u00fccher.png",
                "b\uFFFDcher.png",
                "z.png",
                "b\uFFFDcher/b\uFFFDcher.png");
      }
      String out = "out" + locale;
      assertThat(written(out))
          .containsExactly(
              out + "/a.classes.png",
              out + "/b%C3%BCcher.classes.png",
              out + "/b%FCcher.classes.png",
              out + "/b%FDcher/b%FCcher.classes.png",
              out + "/z.classes.png");
    }
  }

  @Test
  void argumentsAreFoundOrNamed() throws Exception {
    put("u/a.png");
    put("u/b%C3%BCcher.png");
    put("u/%FC.png");
    TestModels.tiny(folder);
    for (String locale : List.of("", "C.UTF-8")) {
      Outcome outcome =
          run(
              locale,
              "features --engine reference --weights $D/tiny.safetensors --outputs pooled --to $D/out"
                  + " $'u\\xff.png' $D/u/b\u00fccher.png $D/u/$'\\xfc.png' $D/u/a.png");
      assertThat(outcome.exitCode()).isEqualTo(1);
      assertThat(outcome.err())
          .as(locale)
          .contains("characters of this name were lost", "LC_ALL=C.UTF-8")
          .doesNotContain("Exception");
      assertThat(outcome.err().lines().filter(line -> line.startsWith("resfuse: "))).hasSize(1);
      assertThat(written("out"))
          .containsExactly("out/%FC.pooled.npy", "out/a.pooled.npy", "out/b%C3%BCcher.pooled.npy");
    }
  }

  /** Classes are called as their folders are, and the held-out pictures are found again. */
  @Test
  void classesHaveTheirNamesInEveryLocale() throws Exception {
    for (int i = 0; i < 5; i++) {
      // Otherwise they would be the same picture.
      Files.write(
          put("d/b%C3%BCcher/" + i + "%FC.png"), new byte[] {(byte) i}, StandardOpenOption.APPEND);
      Files.write(put("d/cat/" + i + ".png"), new byte[] {9, (byte) i}, StandardOpenOption.APPEND);
    }
    Outcome trained =
        run(
            "",
            "train --engine reference --network resnet8 --set preprocessing=cifar@8:8 --epochs 1"
                + " --batch 4 --data $D/d --to $D/run");
    assertThat(trained.exitCode()).as(trained.err()).isZero();
    assertThat(ModelFile.open(folder.resolve("run/model.safetensors")).metadata().labels())
        .containsExactly("b\u00fccher", "cat");
    assertThat(Files.readString(folder.resolve("run/split.csv")))
        .contains("/d/b%C3%BCcher/0%FC.png\",\"b\u00fccher\",t", "/d/cat/0.png\",\"cat\",t");
    for (String locale : List.of("", "C.UTF-8")) {
      Outcome evaluated =
          run(
              locale,
              "evaluate --engine reference --weights $D/run/model.safetensors --data"
                  + " $D/run/split.csv");
      assertThat(evaluated.exitCode()).as(evaluated.err()).isZero();
      assertThat(evaluated.out()).contains("on 2 pictures").doesNotContain("unreadable");
    }
  }

  @Test
  void theLauncherSetsALocaleWhereThereIsNone() throws Exception {
    String launcher = Files.readString(Path.of("resfuse"));
    String part = launcher.substring(launcher.indexOf("case ${LC_ALL"));
    Path script = folder.resolve("part.sh");
    Files.writeString(
        script, part.substring(0, part.indexOf("esac") + 4) + "\necho \"${LC_CTYPE:-unset}\"\n");
    assertThat(shell(script)).isEqualTo("C.UTF-8");
    assertThat(shell(script, "LANG=C")).isEqualTo("C.UTF-8");
    assertThat(shell(script, "LANG=de_DE.UTF-8")).isEqualTo("unset");
    assertThat(shell(script, "LC_ALL=C")).isEqualTo("unset");
  }

  private static String shell(Path script, String... environment) throws Exception {
    List<String> command = new ArrayList<>(List.of("env", "-i"));
    command.addAll(List.of(environment));
    command.addAll(List.of("bash", "-euo", "pipefail", script.toString()));
    Process process = new ProcessBuilder(command).start();
    return new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip();
  }
}
