package io.resfuse.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.resfuse.data.dataset.MaskDataset;
import io.resfuse.data.image.Image;
import io.resfuse.data.image.ImageDecoder;
import io.resfuse.data.image.PngEncoder;
import io.resfuse.model.Initializer;
import io.resfuse.model.NetworkConfig;
import io.resfuse.train.metric.SegmentationMetric;
import io.resfuse.weights.ModelFile;
import io.resfuse.weights.format.SafetensorsWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Trains on masks, evaluates and segments as a user would. */
class SegmentCommandTest {
  private static final ObjectMapper MAPPER = new ObjectMapper();
  private static final ImageDecoder DECODER = new ImageDecoder();
  private static final List<String> CLASSES = List.of("ground", "<sky>");

  @TempDir Path folder;

  /** Blue above a line that is elsewhere in each picture, brown below it. */
  @BeforeEach
  void drawPictures() throws IOException {
    Random random = new Random(1);
    for (String part : List.of("train", "test")) {
      Path home = folder.resolve("data").resolve(part);
      Files.createDirectories(home.resolve("pictures"));
      Files.createDirectories(home.resolve("masks"));
      Files.writeString(home.resolve("classes.txt"), String.join("\n", CLASSES));
      for (int i = 0; i < 12; i++) {
        Path picture = home.resolve("pictures/" + i + ".png");
        byte[] map = draw(picture, 16, 16, 4 + random.nextInt(9), random);
        Files.write(home.resolve("masks/" + i + ".png"), PngEncoder.mask(Image.grey(16, 16, map)));
      }
    }
  }

  private static byte[] draw(Path picture, int width, int height, int line, Random random)
      throws IOException {
    byte[] pixels = new byte[3 * width * height];
    byte[] map = new byte[width * height];
    for (int i = 0; i < map.length; i++) {
      boolean isSky = i / width < line;
      map[i] = (byte) (isSky ? 1 : 0);
      for (int channel = 0; channel < 3; channel++) {
        int strong = isSky ? 2 : 0;
        pixels[3 * i + channel] = (byte) ((channel == strong ? 170 : 40) + random.nextInt(60));
      }
    }
    Files.write(picture, PngEncoder.picture(Image.rgb(width, height, pixels)));
    return map;
  }

  private Outcome train(String... more) {
    List<String> arguments =
        new ArrayList<>(
            List.of("train", "--data", path("data"), "--to", path("run"), "--threads", "1"));
    for (String setting :
        List.of("network=fcn_resnet8", "preprocessing=cifar@16:16", "batch=4", "epochs=6")) {
      arguments.addAll(List.of("--set", setting));
    }
    arguments.addAll(List.of("--set", "schedule.learning_rate=0.1"));
    arguments.addAll(List.of(more));
    return Outcome.of(arguments.toArray(String[]::new));
  }

  private String path(String name) {
    return folder.resolve(name).toString();
  }

  private static Outcome succeeded(Outcome outcome) {
    assertThat(outcome.exitCode()).as(outcome.err()).isZero();
    return outcome;
  }

  private static void refused(Outcome outcome, String message) {
    assertThat(outcome.exitCode()).isEqualTo(1);
    assertThat(outcome.err()).contains(message);
    assertThat(outcome.err().strip()).doesNotContain("\n");
  }

  @Test
  void trainsEvaluatesAndSegments() throws IOException {
    assertThat(succeeded(train("--set", "augment.flip=0.5")).out())
        .contains("fcn_resnet8", "12 pictures of 2 classes", "mean IoU", "test: mean IoU")
        .contains("pixel accuracy");
    String model = path("run/model.safetensors");
    assertThat(ModelFile.open(Path.of(model)).metadata().labels()).isEqualTo(CLASSES);
    String report = Files.readString(folder.resolve("run/report.html"));
    assertThat(report)
        .contains("mean IoU on the test set", "Intersection over union of each class");
    JsonNode written = MAPPER.readTree(folder.resolve("run/evaluation.json").toFile());
    JsonNode evaluated =
        MAPPER.readTree(
            succeeded(Outcome.of("evaluate", "--data", path("data"), "--weights", model, "--json"))
                .out());
    double meanIou = evaluated.get("mean_iou").doubleValue();
    assertThat(meanIou).isGreaterThan(0.8);
    assertThat(meanIou).isCloseTo(written.get("mean_iou").doubleValue(), within(0.01));
    assertThat(evaluated.get("iou")).hasSize(2);
    assertThat(
            succeeded(Outcome.of("evaluate", "--data", path("data/test"), "--weights", model))
                .out())
        .contains("mean IoU", "pixel accuracy", "on 12 pictures", "  ground");

    // The masks that are written are as good as the evaluation says.
    String out =
        succeeded(
                Outcome.of(
                    "segment", path("data/test/pictures"), "--weights", model, "-o", path("masks")))
            .out();
    assertThat(out).contains("0.png  16 x 16", "%  <sky>", path("masks/0.png"));
    SegmentationMetric metric = new SegmentationMetric(2);
    MaskDataset given =
        MaskDataset.open(
            folder.resolve("data/test/pictures"), folder.resolve("masks"), CLASSES, DECODER);
    MaskDataset truth = MaskDataset.open(folder.resolve("data/test"), DECODER);
    for (int i = 0; i < truth.size(); i++) {
      byte[] labels = truth.map(i).pixels();
      byte[] predicted = given.map(i).pixels();
      for (int at = 0; at < labels.length; at++) {
        metric.add(labels[at], predicted[at]);
      }
    }
    assertThat(metric.scores(CLASSES).meanIou()).isCloseTo(meanIou, within(0.01));
  }

  @Test
  void picturesKeepTheirSizes() throws IOException {
    succeeded(train());
    String model = path("run/model.safetensors");
    Path large = folder.resolve("large.png");
    draw(large, 44, 32, 16, new Random(2));
    String[] arguments = {
      "segment",
      large.toString(),
      "--weights",
      model,
      "--json",
      "-o",
      path("out"),
      "--draw",
      path("out")
    };
    JsonNode found = MAPPER.readTree(succeeded(Outcome.of(arguments)).out());
    assertThat(found.get("width").intValue()).isEqualTo(44);
    assertThat(found.get("height").intValue()).isEqualTo(32);
    double shares = 0;
    for (JsonNode part : found.get("classes")) {
      shares += part.get("share").doubleValue();
      assertThat(part.get("share").doubleValue()).isBetween(0.4, 0.6);
      assertThat(part.get("label").asText()).isEqualTo(CLASSES.get(part.get("index").intValue()));
    }
    assertThat(shares).isCloseTo(1, within(1e-9));
    Path mask = Path.of(found.get("mask").asText());
    Image map = DECODER.readIndices(mask);
    assertThat(map.width()).isEqualTo(44);
    assertThat(map.height()).isEqualTo(32);
    assertThat(map.sample(20, 2, 0)).isEqualTo(1);
    assertThat(map.sample(20, 29, 0)).isZero();
    Image drawn = DECODER.read(Path.of(found.get("drawing").asText()));
    assertThat(drawn.height()).isEqualTo(256);

    // Nothing is replaced unasked, and no picture by its mask.
    byte[] before = Files.readAllBytes(mask);
    refused(Outcome.of(arguments), "large.png: is there already; name another folder, or give");
    succeeded(
        Outcome.of(
            "segment",
            large.toString(),
            "--weights",
            model,
            "--size",
            "32",
            "-o",
            path("out"),
            "--overwrite"));
    assertThat(Files.readAllBytes(mask)).isNotEmpty().isNotSameAs(before);
    refused(
        Outcome.of(
            "segment",
            large.toString(),
            "--weights",
            model,
            "--overwrite",
            "-o",
            folder.toString()),
        "large.png: is read by this very command; write to another folder");

    // What cannot be read, or is too long, is named, and the others are done.
    Path broken = Files.writeString(folder.resolve("broken.png"), "this is no picture");
    Path line = folder.resolve("line.png");
    draw(line, 2000, 1, 0, new Random(3));
    Outcome some =
        Outcome.of(
            "segment",
            broken.toString(),
            line.toString(),
            large.toString(),
            "--weights",
            model,
            "--json");
    assertThat(some.exitCode()).isEqualTo(1);
    assertThat(some.err()).contains("broken.png", "line.png", "sizes must be 1 to 16384");
    assertThat(some.out().lines()).hasSize(3);
    assertThat(some.out()).contains("\"error\"", "\"share\"");
  }

  /** As torchvision's files are: names of tensors, and nothing else. */
  @Test
  void filesThatSayNothingOfThemselves() throws IOException {
    NetworkConfig config = NetworkConfig.of("deeplabv3_resnet20").withClasses(21);
    Path model = folder.resolve("torchvision.safetensors");
    SafetensorsWriter.write(
        model, Initializer.seeded(1).initialize(config.build()).asMap(), Map.of());
    String picture = path("data/test/pictures/0.png");
    assertThat(succeeded(Outcome.of("segment", picture, "--weights", model.toString())).out())
        .contains("0.png  16 x 16", "%  class ");
    assertThat(
            succeeded(
                    Outcome.of(
                        "segment", picture, "--weights", model.toString(), "--labels", "voc"))
                .out())
        .doesNotContain("class ");
    assertThat(ModelFile.preset(NetworkConfig.of("fcn_resnet50"))).isEqualTo("torchvision@520:520");
  }

  @Test
  void networksOfOtherKindsAreRefused() {
    String picture = path("data/test/pictures/0.png");
    refused(Outcome.of("segment", picture), "which network? give its weights: --weights FILE");
    String classifier = TestModels.tiny(folder).toString();
    refused(
        Outcome.of("segment", picture, "--weights", classifier),
        "the resnet8 in it gives no class to each pixel; give a network such as fcn_resnet50");
    refused(
        Outcome.of("evaluate", "--data", path("data"), "--weights", classifier),
        "resnet8 gives a picture one class, but ");
    refused(
        Outcome.of("pack", path("data"), "-o", path("packed")),
        "data: has a class for each pixel; pictures with one class each are needed here");
    assertThat(Outcome.of("segment").exitCode()).isEqualTo(2);
    assertThat(Outcome.of("segment", "--help").out())
        .startsWith("Usage: resfuse segment [OPTIONS] PICTURE...")
        .contains("--draw", "--overwrite", "none).");
    refused(
        Outcome.of(
            "train", "--data", path("data/train"), "--network", "fcn_resnet8", "--to", path("x")),
        "has no folder train with pictures and their masks");
  }
}
