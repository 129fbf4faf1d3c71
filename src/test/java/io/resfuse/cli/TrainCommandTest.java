package io.resfuse.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.resfuse.weights.ModelFile;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.io.StringReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import javax.imageio.ImageIO;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.parsers.ParserConfigurationException;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.w3c.dom.Document;
import org.xml.sax.InputSource;
import org.xml.sax.SAXException;

/** Trains, resumes, evaluates and classifies as a user would, on a folder of small pictures. */
class TrainCommandTest {
  private static final ObjectMapper MAPPER = new ObjectMapper();

  @TempDir Path folder;
  private Path pictures;

  @BeforeEach
  void drawPictures() throws IOException {
    pictures = folder.resolve("pictures");
    drawPictures(pictures);
  }

  /** Two classes, red on the left and blue on the right; one file is no picture. */
  static void drawPictures(Path pictures) throws IOException {
    Random random = new Random(1);
    for (String part : List.of("train", "test")) {
      for (int label = 0; label < 2; label++) {
        Path home = pictures.resolve(part).resolve(label == 0 ? "<red>" : "blue & more");
        Files.createDirectories(home);
        for (int i = 0; i < 12; i++) {
          BufferedImage image = new BufferedImage(12, 10, BufferedImage.TYPE_INT_RGB);
          for (int at = 0; at < 120; at++) {
            int strong = 120 + random.nextInt(136);
            int weak = random.nextInt(100);
            int rgb = label == 0 ? strong << 16 | weak : weak << 16 | strong;
            image.setRGB(at % 12, at / 12, rgb);
          }
          ImageIO.write(image, "png", home.resolve(i + ".png").toFile());
        }
      }
    }
    Files.writeString(pictures.resolve("train/<red>/broken.png"), "this is no picture");
  }

  private Outcome train(String to, String... more) {
    List<String> arguments =
        new ArrayList<>(
            List.of(
                "train",
                "--data",
                pictures.toString(),
                "--to",
                folder.resolve(to).toString(),
                "--set",
                "network=resnet8",
                "--set",
                "preprocessing=cifar@8:8",
                "--set",
                "epochs=3",
                "--set",
                "batch=6",
                "--set",
                "schedule.learning_rate=0.02",
                "--threads",
                "1"));
    arguments.addAll(List.of(more));
    return Outcome.of(arguments.toArray(String[]::new));
  }

  @Test
  void trainsEvaluatesAndClassifies() throws Exception {
    Outcome trained = train("run", "--set", "augment.flip=0.5");
    assertThat(trained.exitCode()).as(trained.err()).isZero();
    assertThat(trained.out())
        .contains("resnet8", "25 pictures of 2 classes", "epoch 3/3", "img/s", "test: top-1")
        .contains("unreadable pictures skipped:");
    Path run = folder.resolve("run");
    assertThat(run.resolve("recipe.json")).exists();
    assertThat(run.resolve("checkpoints/best.safetensors")).exists();
    Path model = run.resolve("model.safetensors");
    assertThat(ModelFile.open(model).metadata().labels()).containsExactly("<red>", "blue & more");
    assertThat(ModelFile.open(model).metadata().preset()).isEqualTo("cifar@8:8");

    Outcome evaluated =
        Outcome.of(
            "evaluate", "--data", pictures.toString(), "--weights", model.toString(), "--json");
    assertThat(evaluated.exitCode()).as(evaluated.err()).isZero();
    JsonNode result = MAPPER.readTree(evaluated.out());
    JsonNode before = MAPPER.readTree(run.resolve("evaluation.json").toFile());
    assertThat(result.get("pictures").asInt()).isEqualTo(24);
    assertThat(result.get("confusion")).isEqualTo(before.get("confusion"));
    assertThat(result.get("top1")).isEqualTo(before.get("top1"));

    Outcome classified =
        Outcome.of(
            "classify",
            pictures.resolve("test/<red>/0.png").toString(),
            "--weights",
            model.toString());
    assertThat(classified.exitCode()).as(classified.err()).isZero();
    assertThat(classified.out()).contains("<red>", "blue & more");
    checkReport(Files.readString(run.resolve("report.html")));
  }

  private static void checkReport(String html)
      throws IOException, SAXException, ParserConfigurationException {
    Document page =
        DocumentBuilderFactory.newInstance()
            .newDocumentBuilder()
            .parse(new InputSource(new StringReader(html.replace("<!DOCTYPE html>", ""))));
    assertThat(page.getElementsByTagName("svg").getLength()).isEqualTo(6);
    assertThat(page.getElementsByTagName("polyline").getLength()).isGreaterThan(8);
    assertThat(page.getElementsByTagName("table").getLength()).isEqualTo(1);
    assertThat(html)
        .contains("&lt;red&gt;", "blue &amp; more", "prefers-color-scheme: dark", "width=device")
        .doesNotContain("http", "NaN", "Infinity");
  }

  @Test
  void aRunWithMistakesShowsThemAsPictures() throws Exception {
    Outcome trained = train("poor", "--epochs", "1", "--lr", "1e-9", "--set", "seed=2");
    assertThat(trained.exitCode()).as(trained.err()).isZero();
    assertThat(Files.readString(folder.resolve("poor/report.html")))
        .contains("The worst mistakes", "src=\"data:image/png;base64,");
  }

  @Test
  void resumesAndPrintsJson() throws IOException {
    assertThat(train("run", "--json").exitCode()).isZero();
    Outcome again = train("run", "--json");
    assertThat(again.exitCode()).isEqualTo(1);
    assertThat(again.err()).contains("there are checkpoints of an earlier training");
    Outcome other = train("run", "--resume", "--lr", "0.5");
    assertThat(other.exitCode()).isEqualTo(1);
    assertThat(other.err()).contains("schedule.learning_rate: 0.02 -> 0.5");

    Files.delete(folder.resolve("run/checkpoints/step-000000012.safetensors"));
    Outcome resumed = train("run", "--resume", "--json");
    assertThat(resumed.exitCode()).as(resumed.err()).isZero();
    List<JsonNode> events =
        MAPPER.readerFor(JsonNode.class).<JsonNode>readValues(resumed.out()).readAll();
    assertThat(events.get(0).get("event").asText()).isEqualTo("start");
    assertThat(events.get(0).get("step").asInt()).isEqualTo(8);
    assertThat(events.get(events.size() - 1).get("event").asText()).isEqualTo("test");
    assertThat(Files.readString(folder.resolve("run/metrics.jsonl")).lines())
        .filteredOn(line -> line.contains("\"event\":\"epoch\""))
        .hasSize(3);
  }

  /** A folder of pictures per class, and nothing that says what to measure on. */
  @Test
  void holdsOutAPartWhereThereIsNoTestPart() throws IOException {
    Path all = pictures.resolve("train");
    Files.delete(all.resolve("<red>/broken.png"));
    Files.copy(all.resolve("<red>/1.png"), all.resolve("<red>/same.png"));
    pictures = all;
    Outcome trained = train("held", "--validation", "0.25");
    assertThat(trained.exitCode()).as(trained.err()).isZero();
    Path split = folder.resolve("held/split.csv");
    List<String> lines = Files.readAllLines(split);
    assertThat(lines).hasSize(26).startsWith("path,label,part");
    assertThat(lines.stream().filter(line -> line.endsWith(",\"<red>\",test"))).hasSize(3);
    assertThat(lines.stream().filter(line -> line.endsWith(",\"blue & more\",test"))).hasSize(3);
    assertThat(trained.out()).contains("6 of 25 pictures are held out", "split.csv");
    JsonNode before = MAPPER.readTree(folder.resolve("held/evaluation.json").toFile());
    assertThat(before.get("pictures").asInt()).isEqualTo(6);

    Outcome evaluated =
        Outcome.of(
            "evaluate",
            "--json",
            "--data",
            split.toString(),
            "--weights",
            folder.resolve("held/model.safetensors").toString());
    assertThat(evaluated.exitCode()).as(evaluated.err()).isZero();
    assertThat(MAPPER.readTree(evaluated.out()).get("confusion"))
        .isEqualTo(before.get("confusion"));

    assertThat(train("held", "--validation", "0.25").err()).contains("checkpoints of an earlier");
    assertThat(Files.readAllLines(split)).isEqualTo(lines);
    Files.delete(folder.resolve("held/checkpoints/step-000000009.safetensors"));
    byte[] model = Files.readAllBytes(folder.resolve("held/model.safetensors"));
    assertThat(train("held", "--validation", "0.25", "--resume").exitCode()).isZero();
    assertThat(Files.readAllLines(split)).isEqualTo(lines);
    assertThat(Files.readAllBytes(folder.resolve("held/model.safetensors"))).isEqualTo(model);

    Files.copy(all.resolve("<red>/1.png"), all.resolve("<red>/new.png"));
    Outcome other = train("held", "--validation", "0.25", "--resume");
    assertThat(other.exitCode()).isEqualTo(1);
    assertThat(other.err())
        .contains("split.csv: the training began with other pictures")
        .hasLineCount(1);
  }

  /** What is chosen by is held out of the pictures in a file without files of their own, too. */
  @Test
  void holdsOutOfAPackThatHasATestPart() throws IOException {
    Path pack = folder.resolve("pictures.pack");
    assertThat(Outcome.of("pack", pictures.toString(), "-o", pack.toString()).exitCode()).isZero();
    pictures = pack;
    Outcome trained = train("held", "--validation", "0.25", "--json");
    assertThat(trained.exitCode()).as(trained.err()).isZero();
    assertThat(folder.resolve("held/split.csv")).doesNotExist();
    List<JsonNode> events =
        MAPPER.readerFor(JsonNode.class).<JsonNode>readValues(trained.out()).readAll();
    JsonNode test = events.get(events.size() - 1);
    assertThat(test.get("pictures").asInt()).isEqualTo(24);
    assertThat(events.get(0).get("pictures").asInt()).isEqualTo(18);
    assertThat(events.get(0).get("evaluated").asInt()).isEqualTo(6);
  }

  @Test
  void resumesWithTheSameClassesOnly() throws IOException {
    assertThat(train("run").exitCode()).isZero();
    for (String part : List.of("train", "test")) {
      Files.move(pictures.resolve(part).resolve("<red>"), pictures.resolve(part).resolve("red"));
    }
    Outcome resumed = train("run", "--resume");
    assertThat(resumed.exitCode()).isEqualTo(1);
    assertThat(resumed.err())
        .contains("the checkpoint's classes are <red>, blue & more, those of the data are blue")
        .hasLineCount(1);
  }

  @Test
  void beginsWithTheBackboneOfAnotherNetwork() {
    assertThat(train("first").exitCode()).isZero();
    String model = folder.resolve("first/model.safetensors").toString();
    Outcome cached = train("cached", "--weights", model, "--freeze", "backbone");
    assertThat(cached.exitCode()).as(cached.err()).isZero();
    assertThat(cached.out()).contains("its features are computed once", "resnet8-head");
    Outcome stages =
        train("stages", "--weights", model, "--freeze", "stem,layer1", "--set", "augment.flip=0.5");
    assertThat(stages.exitCode()).as(stages.err()).isZero();
    float[] before = ModelFile.open(Path.of(model)).parameters().get("bn1.running_mean").toArray();
    for (String run : List.of("cached", "stages")) {
      ModelFile after = ModelFile.open(folder.resolve(run).resolve("model.safetensors"));
      assertThat(after.parameters().get("bn1.running_mean").toArray()).isEqualTo(before);
    }
    Outcome unknown = train("wrong", "--weights", model, "--freeze", "layer7");
    assertThat(unknown.exitCode()).isEqualTo(1);
    assertThat(unknown.err()).contains("resnet8 has no stage 'layer7'; it has stem, layer1");
  }

  @Test
  void studiesPlainAndResidualNetworks() throws Exception {
    List<String> arguments =
        List.of(
            "study",
            "degradation",
            "--data",
            pictures.toString(),
            "--to",
            folder.resolve("study").toString(),
            "--depths",
            "14,8",
            "--set",
            "preprocessing=cifar@8:8",
            "--epochs",
            "2",
            "--batch",
            "6");
    Outcome studied = Outcome.of(arguments.toArray(String[]::new));
    assertThat(studied.exitCode()).as(studied.err()).isZero();
    JsonNode study = MAPPER.readTree(folder.resolve("study/study.json").toFile());
    assertThat(study.get("networks")).hasSize(4);
    assertThat(study.at("/networks/0/network").asText()).isEqualTo("plain8");
    assertThat(study.at("/networks/3/network").asText()).isEqualTo("resnet14");
    assertThat(study.at("/networks/3/gradient_norms/0/norms")).hasSize(14);
    assertThat(folder.resolve("study/plain14/model.safetensors")).exists();
    List<String> again = new ArrayList<>(arguments);
    again.add("--resume");
    Files.delete(folder.resolve("study/study.json"));
    assertThat(Outcome.of(again.toArray(String[]::new)).exitCode()).isZero();
    assertThat(MAPPER.readTree(folder.resolve("study/study.json").toFile())).isEqualTo(study);
    assertThat(Outcome.of("study").exitCode()).isEqualTo(2);
  }

  @Test
  void comparesNetworksAtEqualEpochsAndTimes() throws Exception {
    List<String> arguments =
        new ArrayList<>(
            List.of(
                "study",
                "compare",
                "--data",
                pictures.toString(),
                "--to",
                folder.resolve("compared").toString(),
                "--set",
                "preprocessing=cifar@16:16",
                "--epochs",
                "1",
                "--batch",
                "6",
                "--networks"));
    arguments.add("resnet8,VGG11_bn_cifar");
    Outcome compared = Outcome.of(arguments.toArray(String[]::new));
    assertThat(compared.exitCode()).as(compared.err()).isZero();
    JsonNode study = MAPPER.readTree(folder.resolve("compared/study.json").toFile());
    assertThat(study.at("/networks/0/network").asText()).isEqualTo("resnet8");
    assertThat(study.at("/networks/1/network").asText()).isEqualTo("vgg11_bn_cifar");
    // Of 512 weights and a bias per class the usual ten classes' network has more.
    int classes = ModelFile.open(model("compared/vgg11_bn_cifar")).config().classes();
    assertThat(study.at("/networks/1/parameters").asLong())
        .isEqualTo(9_231_114 - 513 * (10 - classes));
    assertThat(study.at("/networks/1/epochs")).hasSize(1);
    arguments.set(arguments.size() - 1, "resnet8,resnet8");
    Outcome twice = Outcome.of(arguments.toArray(String[]::new));
    assertThat(twice.err())
        .isEqualTo(
            "resfuse: --networks resnet8,resnet8: two or more are wanted, each once"
                + System.lineSeparator());
    assertThat(twice.exitCode()).isEqualTo(1);

    Outcome head =
        train(
            "tuned",
            "--weights",
            model("compared/vgg11_bn_cifar").toString(),
            "--freeze",
            "backbone",
            "--set",
            "preprocessing=cifar@16:16");
    assertThat(head.exitCode()).as(head.err()).isZero();
    assertThat(head.out()).contains("vgg11_bn_cifar-head");
    Outcome shortcut = train("shortcut", "--network", "vgg11_cifar", "--set", "shortcut=identity");
    assertThat(shortcut.err())
        .contains("vgg11_cifar has no shortcuts, but the recipe says shortcut: identity")
        .hasLineCount(1);
  }

  private Path model(String run) {
    return folder.resolve(run).resolve("model.safetensors");
  }

  @Test
  void mistakesOfUsersAreNamed() {
    assertThat(Outcome.of("train").exitCode()).isEqualTo(2);
    assertThat(Outcome.of("train", "--help").out()).contains("--recipe", "--resume", "Examples:");
    Outcome noData = Outcome.of("train", "--to", folder.resolve("x").toString());
    assertThat(noData.exitCode()).isEqualTo(1);
    assertThat(noData.err()).contains("which pictures? give --data FOLDER");
    Outcome noFolder = Outcome.of("train", "--data", "nowhere", "--to", folder.toString());
    assertThat(noFolder.exitCode()).isEqualTo(1);
    assertThat(noFolder.err()).contains("nowhere: no such folder");
    Outcome network = train("x", "--network", "resnet21");
    assertThat(network.exitCode()).isEqualTo(1);
    assertThat(network.err()).contains("no network is named 'resnet21'");
    Outcome setting = train("x", "--set", "augment.flop=1");
    assertThat(setting.exitCode()).isEqualTo(1);
    assertThat(setting.err()).contains("there is no 'augment.flop'; did you mean 'augment.flip'?");
    Outcome batch = train("x", "--batch", "100");
    assertThat(batch.exitCode()).isEqualTo(1);
    assertThat(batch.err()).contains("25 pictures do not fill a batch of 100");
    Outcome classes =
        Outcome.of("evaluate", "--data", pictures.toString(), "--weights", "nothing.safetensors");
    assertThat(classes.exitCode()).isEqualTo(1);
    assertThat(classes.err()).contains("nothing.safetensors");
  }
}
