package io.resfuse.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.resfuse.platform.OperatingSystem;
import io.resfuse.tensor.HostTensor;
import io.resfuse.tensor.Shape;
import io.resfuse.weights.format.SafetensorsWriter;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import java.util.zip.CRC32;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Escape sequences, marks of direction and line breaks wherever a text of others comes in: none
 * reaches the terminal or a page, and none makes a line of its own.
 */
class EscapesTest {
  private static final String FORGED = "FORGED";
  private static final String EVIL =
      "x\n" + FORGED + "\u001b[2J\u009b1m\u202e\u2066\u2028\u0007\r\u007f";
  private static final Path CAT = Path.of("examples/chelsea.png");
  private static final ObjectMapper MAPPER = new ObjectMapper();

  @TempDir private Path folder;
  private final Set<String> wrong = new LinkedHashSet<>();

  @BeforeEach
  void onUnix() {
    assumeTrue(
        OperatingSystem.current() != OperatingSystem.WINDOWS, "Windows has no such file names");
  }

  /** No character that commands a terminal, and no line that a text of others makes. */
  private void check(String where, String text) {
    checkCharacters(where, text);
    String before = "";
    for (String line : text.lines().toList()) {
      if (line.startsWith(FORGED)) {
        wrong.add(where + " has a line of its own after: " + before);
      }
      before = line;
    }
  }

  private void checkCharacters(String where, String text) {
    text.chars()
        .filter(c -> c != '\n' && c != '\t')
        .filter(
            c ->
                Character.isISOControl(c)
                    || (c >= 0x2028 && c <= 0x202e)
                    || (c >= 0x2066 && c <= 0x2069))
        .forEach(c -> wrong.add("%s has U+%04X".formatted(where, c)));
  }

  @AfterEach
  void nothingIsWrong() {
    assertThat(wrong).isEmpty();
  }

  private Outcome run(List<String> words, String... more) {
    String[] all = Stream.concat(words.stream(), Stream.of(more)).toArray(String[]::new);
    Outcome outcome = Outcome.of(all);
    String what = String.join(" ", all).replaceAll("[^ -~]", "?").replaceAll("/tmp/[^ ]*", "/");
    check("output of " + what, outcome.out());
    check("errors of " + what, outcome.err());
    assertThat(outcome.err()).doesNotContain("\tat ");
    return outcome;
  }

  private Path model() {
    return TestModels.tiny(
        folder, List.of("a" + EVIL, "b" + EVIL), Map.of("note" + EVIL, "text" + EVIL));
  }

  private Path put(String name) throws IOException {
    Path file = folder.resolve(name);
    Files.createDirectories(file.getParent());
    return Files.copy(CAT, file);
  }

  @Test
  void inNamesOfPicturesAndLabels() throws IOException {
    put("in/" + EVIL + ".png");
    Files.writeString(folder.resolve("in/broken" + EVIL + ".png"), EVIL);
    Files.createDirectories(folder.resolve("empty" + EVIL));
    List<String> inputs =
        List.of(
            folder.resolve("in").toString(),
            folder.resolve("none" + EVIL).toString(),
            folder.resolve("empty" + EVIL).toString());
    List<String> words = new ArrayList<>(List.of("classify", "--engine", "reference", "--weights"));
    words.add(model().toString());
    words.addAll(inputs);
    Outcome text = run(words, "--draw", folder.resolve("out").toString());
    assertThat(text.exitCode()).isEqualTo(1);
    assertThat(text.out()).contains("x\\u000aFORGED\\u001b[2J\\u009b1m\\u202e");
    assertThat(text.err().lines().filter(line -> line.startsWith("resfuse: "))).hasSize(3);
    Outcome json = run(words, "--json");
    List<String> lines = json.out().lines().toList();
    assertThat(lines).hasSize(4);
    for (String line : lines) {
      assertThat(MAPPER.readTree(line).get("file").asText()).contains(EVIL);
    }
    words.set(0, "features");
    Outcome features = run(words, "--outputs", "pooled", "--to", folder.resolve("f").toString());
    assertThat(features.out()).contains("x\\u000aFORGED");
    put("other/" + EVIL + ".png");
    words.add(folder.resolve("other").toString());
    Outcome same = run(words, "--outputs", "pooled", "--to", folder.resolve("f").toString());
    assertThat(same.err()).contains("would have the same name").hasLineCount(1);
  }

  @Test
  void inChunksOfPictures() throws IOException {
    byte[] png = Files.readAllBytes(CAT);
    byte[] chunk = "\u001b[2Jabcd".getBytes(StandardCharsets.ISO_8859_1);
    CRC32 crc = new CRC32();
    crc.update(chunk);
    ByteBuffer evil = ByteBuffer.allocate(png.length + 16);
    evil.put(png, 0, 33).putInt(4).put(chunk).putInt((int) crc.getValue());
    evil.put(png, 33, png.length - 33);
    Path file = Files.write(folder.resolve("chunk.png"), evil.array());
    byte[] cut = Arrays.copyOf(evil.array(), 60);
    Path other = Files.write(folder.resolve("cut.png"), cut);
    Outcome outcome =
        run(
            List.of("classify", "--engine", "reference", "--weights", model().toString()),
            file.toString(),
            other.toString());
    assertThat(outcome.exitCode()).isEqualTo(1);
  }

  @Test
  void inFilesOfWeights() {
    Path file = folder.resolve("w" + EVIL + ".safetensors");
    SafetensorsWriter.write(
        file,
        Map.of(
            "conv1.weight",
            HostTensor.zeros(Shape.of(16, 3, 3, 3)),
            EVIL,
            HostTensor.zeros(Shape.of(1))),
        Map.of("key" + EVIL, EVIL));
    String path = file.toString();
    for (List<String> words :
        List.of(
            List.of("weights", "info", path, "--statistics"),
            List.of("weights", "info", model().toString()),
            List.of("weights", "convert", path, folder.resolve("x.safetensors").toString()),
            List.of(
                "weights",
                "convert",
                "--network",
                "resnet8",
                path,
                folder.resolve("x.safetensors").toString()),
            List.of("weights", "info", folder.resolve("none" + EVIL).toString()),
            List.of("weights", "fetch", EVIL),
            List.of("weights", "convert", model().toString(), folder.resolve(EVIL).toString()),
            List.of("classify", "--weights", path, CAT.toString()))) {
      Outcome outcome = run(words);
      assertThat(outcome.out() + outcome.err()).contains("FORGED\\u001b[2J");
    }
  }

  @Test
  void inClassesAndListsAndReports() throws IOException {
    Path data = folder.resolve("data" + EVIL);
    TrainCommandTest.drawPictures(data);
    for (String part : List.of("train", "test")) {
      Files.move(data.resolve(part + "/<red>"), data.resolve(part + "/a" + EVIL));
    }
    Files.move(
        data.resolve("train/a" + EVIL + "/broken.png"),
        data.resolve("train/a" + EVIL + "/broken" + EVIL + ".png"));
    List<String> train =
        List.of("train", "--engine", "reference", "--set", "network=resnet8", "--epochs", "1");
    String to = folder.resolve("run").toString();
    Outcome trained =
        run(
            train,
            "--set",
            "preprocessing=cifar@8:8",
            "--lr",
            "1e-9",
            "--batch",
            "6",
            "--data",
            data.toString(),
            "--to",
            to);
    assertThat(trained.exitCode()).as(trained.err()).isZero();
    checkCharacters("report", Files.readString(folder.resolve("run/report.html")));
    List<String> evaluate =
        List.of("evaluate", "--engine", "reference", "--data", data.toString(), "--weights");
    String model = folder.resolve("run/model.safetensors").toString();
    assertThat(run(evaluate, model).out()).contains("FORGED\\u001b[2J");
    JsonNode json = MAPPER.readTree(run(evaluate, model, "--json").out());
    assertThat(json.toString()).contains("FORGED");
    assertThat(run(evaluate, model().toString()).err()).contains("cannot be matched by name");
    run(train, "--to", to, "--data", folder.resolve("no" + EVIL).toString());
    run(List.of("pack", data.toString(), "--to", folder.resolve("p" + EVIL).toString()));

    Path list = folder.resolve("list" + EVIL + ".csv");
    for (String text :
        List.of(
            "path,label\n\"none" + EVIL + ".png\",\"" + EVIL + "\"\n",
            "\"" + EVIL + "\",\"" + EVIL + "\"\n",
            "path,label\nx" + EVIL.replace("\n", "") + "\n",
            "path,label,part\n\"x\",\"y\",\"" + EVIL + "\"\n",
            "path,label\n\"x\0" + EVIL + "\",y\n")) {
      Files.writeString(list, text);
      Outcome outcome = run(train, "--to", to + "2", "--data", list.toString());
      assertThat(outcome.exitCode()).as(text).isEqualTo(1);
    }
  }

  @Test
  void inRecipesAndOptions() throws IOException {
    String to = folder.resolve("run").toString();
    List<String> train = List.of("train", "--to", to, "--data", folder.toString());
    for (String[] more :
        new String[][] {
          {"--network", EVIL},
          {"--set", EVIL + "=1"},
          {"--set", "optimizer.kind='" + EVIL + "'"},
          {"--set", "epochs='" + EVIL + "'"},
          {"--set", "epochs=[" + EVIL},
          {"--set", "preprocessing='" + EVIL.replace("\n", "") + "'"},
          {"--set", "shortcut=\"x\\n" + FORGED + "\\e[2J\""},
          {"--set", "precision=\"x\\n" + FORGED + "\\e[2J\""},
          {"--set", "transfer.weights=\"x\\n" + FORGED + "\\e[2J\""},
          {"--freeze", EVIL},
          {"--engine", EVIL},
          {"--weights", EVIL},
          {"--device", EVIL, "--engine", "cuda"},
          {"--keep", EVIL},
          {"--" + EVIL},
          {EVIL}
        }) {
      assertThat(run(train, more).exitCode()).isPositive();
    }
    Path recipe = folder.resolve("r" + EVIL + ".yaml");
    for (String text :
        List.of(
            "\"a\\n" + FORGED + "\\e[2J\": 1\n",
            "network: \"a\\n" + FORGED + "\\e[2J\"\n",
            "data: \"a\\0\\n" + FORGED + "\\e[2J\"\n",
            "epochs: \"a\\n" + FORGED + "\\e[2J\"\n",
            "a: " + EVIL,
            "{[")) {
      Files.writeString(recipe, text);
      List<String> words = List.of("train", "--to", to, "--recipe", recipe.toString());
      assertThat(run(words).exitCode()).isEqualTo(1);
    }
    Path shapes = folder.resolve("s" + EVIL + ".yaml");
    for (String text :
        List.of(
            "- {op: \"a\\n" + FORGED + "\\e[2J\"}", "- {\"a\\n" + FORGED + "\\e[2J\": 1}", EVIL)) {
      Files.writeString(shapes, text);
      assertThat(run(List.of("verify", "--shapes", shapes.toString())).exitCode()).isEqualTo(1);
    }
    for (List<String> words :
        List.of(
            List.of("summary", EVIL),
            List.of(EVIL),
            List.of("verify", "--network", EVIL),
            List.of("bench", "--network", EVIL),
            List.of("kernels", "--network", EVIL),
            List.of("kernels", "--precision", EVIL),
            List.of("verify", "--kernel", folder.resolve(EVIL).toString()),
            List.of("gradients", "--images", EVIL, "--labels", "1", "--to", EVIL),
            List.of("classify", "--preprocessing", EVIL, "--weights", model().toString(), "x"),
            List.of("features", "--outputs", EVIL, "--weights", model().toString(), "x"),
            List.of(
                "verify", "--html", folder.resolve("no/" + EVIL).toString(), "--shapes", EVIL))) {
      assertThat(run(words).exitCode()).as(words.toString()).isPositive();
    }
  }
}
