package io.resfuse.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.offset;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.resfuse.data.dataset.Npy;
import io.resfuse.engine.cuda.SoftCuda;
import io.resfuse.model.Initializer;
import io.resfuse.model.ResNetConfig;
import io.resfuse.model.ResNetVariant;
import io.resfuse.platform.Settings;
import io.resfuse.tensor.HostTensor;
import io.resfuse.tensor.Shape;
import io.resfuse.weights.ModelFile;
import io.resfuse.weights.ModelMetadata;
import io.resfuse.weights.format.SafetensorsWriter;
import io.resfuse.weights.format.TensorFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Runs commands as a user would, in this process, on the reference engine and a tiny network. */
class CommandLineTest {
  private static final Path CAT = Path.of("examples/chelsea.png");

  @TempDir Path folder;

  private static Outcome run(String... arguments) {
    return Outcome.of(arguments);
  }

  private Path tinyModel() {
    return TestModels.tiny(folder);
  }

  @Test
  void helpAndWrongUse() {
    assertThat(run("--help").out()).contains("classify", "features", "gradients", "weights");
    assertThat(run("--version").out()).contains("resfuse");
    assertThat(run().exitCode()).isEqualTo(2);
    assertThat(run("clasify").exitCode()).isEqualTo(2);
    Outcome unknown = run("summary", "resnet51");
    assertThat(unknown.exitCode()).isEqualTo(1);
    assertThat(unknown.err()).startsWith("resfuse: no network is named 'resnet51'").hasLineCount(1);
  }

  /** The command line is made for the command that is asked for; nothing may show that. */
  @Test
  void everyCommandHasTheNameOfItsClass() {
    String all = run("--help").out();
    for (String name :
        List.of(
            "classify",
            "features",
            "gradients",
            "train",
            "evaluate",
            "scenes",
            "study",
            "summary",
            "weights",
            "devices",
            "kernels",
            "verify",
            "bench",
            "generate-completion")) {
      assertThat(all).containsPattern("(?m)^  " + name + " ");
      Outcome help = run(name, "--help");
      assertThat(help.exitCode()).isZero();
      assertThat(help.out()).startsWith("Usage: resfuse " + name + " ");
      assertThat(run("--debug", name, "--help").out()).isEqualTo(help.out());
    }
    assertThat(all).doesNotContain("warm-up");
    assertThat(run("devices", "--debug").exitCode()).isZero();
  }

  /** The server is a module of its own, which the launcher starts. */
  @Test
  void servingIsNotInTheJar() {
    assertThat(run("--help").out()).containsPattern("(?m)^  serve +Serves models");
    Outcome serve = run("serve", "--model", "models", "--help");
    assertThat(serve.exitCode()).isEqualTo(1);
    assertThat(serve.err())
        .startsWith("resfuse: the server is no part of this jar; start it by ./resfuse serve")
        .hasLineCount(1);
  }

  @Test
  void usualOptionsComeFirstAndThoseOfTheArchitectureLast() {
    assertThat(run("classify", "--help").out())
        .startsWith("Usage: resfuse classify [OPTIONS] PICTURE...")
        .containsSubsequence(
            "--weights", "--top", "--engine", "--help", "Architecture, where it", "--classes");
    assertThat(run("train", "--help").out())
        .containsSubsequence("--data", "--to", "--network", "--recipe", "--engine", "--help")
        .doesNotContain("Architecture");
  }

  @Test
  void architecturesDifferByOptions() {
    assertThat(run("summary", "resnet50").out()).contains("stage c5: 2048 channels, stride 32");
    for (Outcome dilated :
        List.of(
            run("summary", "resnet50", "--dilate=false,true,true"),
            run("summary", "resnet50", "--dilate", "false,true,true"))) {
      assertThat(dilated.out())
          .contains("stage c3: 512 channels, stride 8", "stage c5: 2048 channels, stride 8");
    }
    String head = run("summary", "resnet50", "--classes", "7", "--channels", "1").out();
    assertThat(head).contains("resnet50 for 1x1x224x224").containsPattern("fc +linear +1x7 ");
  }

  /** What is asked of a network is not passed over where the weights say which one it is. */
  @Test
  void aNetworkThatTheWeightsAreNotOfIsRefused() {
    Outcome other = run("classify", "--network", "vgg16", "a.png");
    assertThat(other.exitCode()).isEqualTo(1);
    assertThat(other.err())
        .startsWith(
            "resfuse: --network vgg16: the weights are those of the model resnet50-imagenet")
        .hasLineCount(1);
    Outcome classes =
        run("classify", "--weights", "resnet20-fashion-mnist", "--classes", "7", "--v1", "a.png");
    assertThat(classes.err())
        .startsWith("resfuse: --classes, --v1: the weights are those of")
        .contains("a resnet20;")
        .hasLineCount(1);
    Outcome unnamed = run("classify", "--weights", "own.pth", "--epsilon", "0.001", "a.png");
    assertThat(unnamed.err())
        .startsWith("resfuse: --epsilon says how a network differs")
        .contains("with --network")
        .hasLineCount(1);
    Outcome same =
        run("classify", "--weights", "resnet20-fashion-mnist", "--network", "resnet20", "a.png");
    assertThat(same.err()).contains("a.png").doesNotContain("--network");
  }

  /** Those that only ResNets have are refused for a VGG, and leave the VGGs out of a list. */
  @Test
  void optionsOfResNetsAreForResNets() {
    String vgg = run("summary", "vgg16_bn", "--classes", "7", "--epsilon", "0.001").out();
    assertThat(vgg).contains("134,297,671 parameters", "stage c5: 512 channels, stride 32");
    Outcome refused = run("summary", "vgg16_bn", "--v1", "--shortcut", "identity");
    assertThat(refused.exitCode()).isEqualTo(1);
    assertThat(refused.err())
        .startsWith("resfuse: --v1, --shortcut: only ResNets have that, and vgg16_bn is none")
        .hasLineCount(1);
    assertThat(run("summary").out()).contains("vgg19_bn ");
    assertThat(run("summary", "--v1").out()).contains("resnet50 ").doesNotContain("vgg");
    Outcome small = run("summary", "vgg16", "--size", "160");
    assertThat(small.err()).contains("vgg16 cannot take images of 160x160").hasLineCount(1);
  }

  @Test
  void summaries() throws IOException {
    assertThat(run("summary", "resnet50").out()).contains("25,557,032 parameters");
    JsonNode json = new ObjectMapper().readTree(run("summary", "resnet18", "--json").out());
    assertThat(json.get("parameters").asLong()).isEqualTo(11_689_512);
    assertThat(new ObjectMapper().readTree(run("summary", "--json").out())).hasSizeGreaterThan(10);
  }

  @Test
  void listsEngines() {
    assertThat(run("devices").out()).contains("reference", "yes", "cudnn");
  }

  @Test
  void listsSettings() throws IOException {
    String text = run("devices", "--properties").out();
    JsonNode json = new ObjectMapper().readTree(run("devices", "--properties", "--json").out());
    assertThat(json).hasSize(Settings.values().length);
    for (Settings setting : Settings.values()) {
      assertThat(text).contains(setting.key(), setting.description());
    }
    assertThat(json.get(0).get("name").asText()).isEqualTo("resfuse.cuda.sync");
    assertThat(json.get(0).get("value").isNull()).isTrue();
    System.setProperty("resfuse.cuda.sync", "false");
    try {
      assertThat(run("devices", "--properties").out()).contains("(now: false)");
    } finally {
      System.clearProperty("resfuse.cuda.sync");
    }
  }

  @Test
  void kernelsAreCounted() throws IOException {
    assumeTrue(SoftCuda.probe().available(), SoftCuda.probe().detail());
    String[] training = {
      "kernels", "--network", "resnet20", "--batch", "8", "--training", "--blocks", "2", "--json"
    };
    Outcome outcome = run(training);
    assertThat(outcome.err()).isEmpty();
    assertThat(run(training).out()).as("counts do not change").isEqualTo(outcome.out());
    JsonNode rows = new ObjectMapper().readTree(outcome.out());
    List<String> kernels = new ArrayList<>();
    for (JsonNode row : rows) {
      kernels.add(row.get("kernel").asText());
      // The sampled blocks of a strided shortcut's gradient may have none of its pixels.
      assertThat(row.get("bytesLeast").asDouble())
          .isGreaterThan(row.get("kernel").asText().startsWith("subsampled") ? -1 : 0);
      assertThat(row.get("bytes").asDouble())
          .isGreaterThanOrEqualTo(row.get("bytesLeast").asDouble());
      assertThat(row.get("registers").asInt()).isPositive();
      assertThat(row.get("estimates").findValuesAsText("gpu")).contains("RTX 5090");
      for (JsonNode estimate : row.get("estimates")) {
        assertThat(estimate.get("microseconds").asDouble()).isPositive();
      }
    }
    assertThat(kernels)
        .anyMatch(kernel -> kernel.matches("conv_f16_\\d+x\\d+_norm"))
        .anyMatch(kernel -> kernel.startsWith("wgrad_f16"));
    Outcome table = run("kernels", "--network", "resnet20", "--batch", "8", "--blocks", "2");
    assertThat(table.out()).contains("layer1.0.conv1 forward", "Extrapolated", "GFLOP");
    Outcome wrong = run("kernels", "--precision", "fp64");
    assertThat(wrong.exitCode()).isEqualTo(1);
    assertThat(wrong.err()).contains("fp64").hasLineCount(1);
  }

  /** softcuda's times say nothing; what is said of them does. */
  @Test
  void kernelsAreTimed() throws IOException {
    assumeTrue(SoftCuda.probe().available(), SoftCuda.probe().detail());
    List<String> small =
        List.of(
            "kernels --time --device softcuda --network resnet8 --size 8 --batch 2 --training"
                .split(" ", -1));
    Outcome table = run(with(small, "--slowest", "3"));
    assertThat(table.err()).isEmpty();
    assertThat(table.out())
        .hasLineCount(5)
        .contains("resnet8 training in fp16, 2 of 8x8: 55 launches take", "the slowest 3");
    JsonNode rows =
        new ObjectMapper().readTree(run(with(small, "--slowest", "100", "--json")).out());
    assertThat(rows).hasSize(55);
    double before = Double.POSITIVE_INFINITY;
    for (JsonNode row : rows) {
      assertThat(row.get("microseconds").asDouble()).isPositive().isLessThanOrEqualTo(before);
      before = row.get("microseconds").asDouble();
    }
    assertThat(rows.findValuesAsText("pass")).contains("forward", "backward");
    assertThat(rows.findValuesAsText("kernel")).anyMatch(kernel -> kernel.startsWith("wgrad_f16"));
    Outcome none = run(with(small, "--slowest", "0"));
    assertThat(none.exitCode()).isEqualTo(1);
    assertThat(none.err()).contains("at least one launch, got 0").hasLineCount(1);
  }

  private static String[] with(List<String> arguments, String... more) {
    return Stream.concat(arguments.stream(), Stream.of(more)).toArray(String[]::new);
  }

  @Test
  void devicesCannotBeDescribedWithoutCudnn() {
    Path file = folder.resolve("device.json");
    Outcome outcome = run("devices", "--describe", file.toString(), "--device", "softcuda");
    assertThat(outcome.exitCode()).isEqualTo(1);
    assertThat(outcome.err()).contains("cuDNN cannot describe a device here: ").hasLineCount(1);
    assertThat(file).doesNotExist();
  }

  @Test
  void classifiesWithTheKernelsOnTheCpu() throws IOException {
    assumeTrue(SoftCuda.probe().available(), SoftCuda.probe().detail());
    String model = tinyModel().toString();
    JsonNode reference = probabilities(model, "--engine", "reference");
    for (String precision : List.of("fp32", "tf32", "bf16", "fp16")) {
      JsonNode answer =
          probabilities(
              model, "--engine", "cuda", "--device", "softcuda", "--precision", precision);
      double allowed = precision.equals("fp32") ? 1e-5 : precision.equals("bf16") ? 2e-2 : 3e-3;
      for (int i = 0; i < 3; i++) {
        assertThat(answer.get(i).get("label")).isEqualTo(reference.get(i).get("label"));
        assertThat(answer.get(i).get("probability").asDouble())
            .as(precision)
            .isCloseTo(reference.get(i).get("probability").asDouble(), offset(allowed));
      }
    }
  }

  private static JsonNode probabilities(String model, String... engine) throws IOException {
    List<String> arguments =
        new ArrayList<>(List.of("classify", CAT.toString(), "--weights", model, "--json"));
    arguments.addAll(List.of(engine));
    Outcome outcome = run(arguments.toArray(String[]::new));
    assertThat(outcome.err()).isEmpty();
    return new ObjectMapper().readTree(outcome.out()).get("predictions");
  }

  @Test
  void classifiesFilesFoldersAndGoesOnAfterBadOnes() throws IOException {
    Path pictures = Files.createDirectory(folder.resolve("pictures"));
    Files.copy(CAT, pictures.resolve("a.png"));
    Files.writeString(pictures.resolve("b.png"), "this is no picture");
    Files.copy(CAT, pictures.resolve("c.png"));
    String model = tinyModel().toString();
    for (String batch : List.of("1", "2", "5")) {
      Outcome outcome =
          run(
              "classify",
              pictures.toString(),
              "--engine",
              "reference",
              "--weights",
              model,
              "--json",
              "--top",
              "2",
              "--batch",
              batch);
      assertThat(outcome.exitCode()).isEqualTo(1);
      assertThat(outcome.err()).contains("b.png").hasLineCount(1);
      List<JsonNode> lines =
          new ObjectMapper()
              .readerFor(JsonNode.class)
              .<JsonNode>readValues(outcome.out())
              .readAll();
      assertThat(lines).hasSize(3);
      List<JsonNode> good = lines.stream().filter(line -> line.has("predictions")).toList();
      assertThat(good).hasSize(2);
      assertThat(good.get(0).get("predictions"))
          .hasSize(2)
          .isEqualTo(good.get(1).get("predictions"));
    }
  }

  /**
   * The first picture of each class in the test set; the network, part of the library, may miss
   * one.
   */
  @Test
  void classifiesClothesWithItsOwnWeights() throws IOException {
    Map<String, String> classes =
        Map.of(
            "ankle-boot", "Ankle boot",
            "bag", "Bag",
            "coat", "Coat",
            "dress", "Dress",
            "pullover", "Pullover",
            "sandal", "Sandal",
            "shirt", "Shirt",
            "sneaker", "Sneaker",
            "t-shirt", "T-shirt/top",
            "trouser", "Trouser");
    Outcome outcome =
        run(
            "classify",
            "examples/fashion-mnist",
            "--weights",
            "resnet20-fashion-mnist",
            "--precision",
            "fp32",
            "--batch",
            "10",
            "--json");
    assertThat(outcome.exitCode()).isZero();
    int right = 0;
    List<JsonNode> lines =
        new ObjectMapper().readerFor(JsonNode.class).<JsonNode>readValues(outcome.out()).readAll();
    assertThat(lines).hasSize(10);
    for (JsonNode line : lines) {
      String name = Path.of(line.get("file").asText()).getFileName().toString();
      String label = line.get("predictions").get(0).get("label").asText();
      right += label.equals(classes.get(name.replace(".png", ""))) ? 1 : 0;
    }
    assertThat(right).isGreaterThanOrEqualTo(9);
  }

  @Test
  void writesFeatures() {
    Outcome outcome =
        run(
            "features",
            CAT.toString(),
            "--engine",
            "reference",
            "--weights",
            tinyModel().toString(),
            "--to",
            folder.toString());
    assertThat(outcome.exitCode()).as(outcome.err()).isZero();
    assertThat(Npy.read(folder.resolve("chelsea.c3.npy")).shape())
        .isEqualTo(Shape.of(1, 32, 16, 16));
  }

  /** The classes of folders, lists and networks have names, and these decide. */
  @Test
  void evaluatesByTheNamesOfClasses() throws IOException {
    List<String> names = List.of("cat", "dog", "cup");
    for (String name : names) {
      Path pictures = Files.createDirectories(folder.resolve("data/test/" + name));
      Files.copy(CAT, pictures.resolve("1.png"));
    }
    String data = folder.resolve("data").toString();
    String model = tinyModel().toString();
    Outcome byName = run("evaluate", "--engine", "reference", "--data", data, "--weights", model);
    assertThat(byName.exitCode()).as(byName.err()).isZero();
    assertThat(byName.out().lines().skip(1).map(line -> line.substring(line.lastIndexOf(' ') + 1)))
        .containsExactlyElementsOf(names);
    Files.move(folder.resolve("data/test/cup"), folder.resolve("data/test/bowl"));
    Outcome refused = run("evaluate", "--engine", "reference", "--data", data, "--weights", model);
    assertThat(refused.exitCode()).isEqualTo(1);
    assertThat(refused.err())
        .contains("cat, dog, cup", "bowl, cat, dog", "--by-position")
        .hasLineCount(1);
    Outcome byPosition =
        run(
            "evaluate",
            "--by-position",
            "--engine",
            "reference",
            "--data",
            data,
            "--weights",
            model);
    assertThat(byPosition.exitCode()).as(byPosition.err()).isZero();
  }

  /** A file of another's training says nothing of preprocessing; the network's stem does. */
  @Test
  void networksForSmallImagesTakeSmallImagesUnlessToldOtherwise() throws IOException {
    ModelFile stated = ModelFile.open(tinyModel());
    Path silent = folder.resolve("silent.safetensors");
    ModelFile.save(
        silent,
        new ModelMetadata(stated.config(), null, stated.metadata().labels(), Map.of()),
        stated.parameters());
    String model = silent.toString();
    JsonNode usual = probabilities(model, "--engine", "reference");
    assertThat(usual)
        .isEqualTo(probabilities(model, "--engine", "reference", "--preprocessing", "cifar"))
        .isNotEqualTo(
            probabilities(model, "--engine", "reference", "--preprocessing", "torchvision"));
    Outcome features =
        run(
            "features",
            CAT.toString(),
            "--engine",
            "reference",
            "--weights",
            model,
            "--to",
            folder.toString());
    assertThat(features.exitCode()).as(features.err()).isZero();
    assertThat(Npy.read(folder.resolve("chelsea.c3.npy")).shape())
        .isEqualTo(Shape.of(1, 32, 16, 16));
    for (String name : stated.metadata().labels()) {
      Path pictures = Files.createDirectories(folder.resolve("data/test/" + name));
      Files.copy(CAT, pictures.resolve("1.png"));
    }
    assertThat(evaluated(model)).isEqualTo(evaluated(model, "--preprocessing", "cifar"));
  }

  /** Loss and confusion, without the time that it took. */
  private List<JsonNode> evaluated(String model, String... more) throws IOException {
    List<String> arguments =
        new ArrayList<>(List.of("evaluate", "--engine", "reference", "--json", "--weights", model));
    arguments.addAll(List.of("--data", folder.resolve("data").toString()));
    Outcome outcome = run(with(arguments, more));
    assertThat(outcome.exitCode()).as(outcome.err()).isZero();
    JsonNode json = new ObjectMapper().readTree(outcome.out());
    return List.of(json.get("loss"), json.get("confusion"));
  }

  @Test
  void drawingsOfPicturesOfOneNameAreKeptApart() throws IOException {
    Path pictures = folder.resolve("pictures");
    for (String name : List.of("a/1.png", "b/1.png", "b/2.png", "b/2.jpg")) {
      Files.createDirectories(pictures.resolve(name).getParent());
      Files.copy(CAT, pictures.resolve(name));
    }
    Outcome outcome =
        run(
            "classify",
            pictures.toString(),
            "--engine",
            "reference",
            "--weights",
            tinyModel().toString(),
            "--draw",
            folder.resolve("out").toString());
    assertThat(outcome.exitCode()).as(outcome.err()).isZero();
    assertThat(written())
        .containsExactly(
            "a/1.classes.png", "b/1.classes.png", "b/2.jpg.classes.png", "b/2.png.classes.png");
  }

  /** As classify does: what cannot be read is named, the others are done. */
  @Test
  void featuresSkipWhatCannotBeRead() throws IOException {
    Path pictures = Files.createDirectories(folder.resolve("pictures"));
    Files.copy(CAT, pictures.resolve("1.png"));
    Files.write(pictures.resolve("2.png"), Arrays.copyOf(Files.readAllBytes(CAT), 200));
    Files.copy(CAT, pictures.resolve("3.png"));
    Outcome outcome = features(pictures);
    assertThat(outcome.exitCode()).isEqualTo(1);
    assertThat(outcome.err()).contains("2.png").doesNotContain("1.png", "3.png");
    assertThat(written()).containsExactly("1.pooled.npy", "3.pooled.npy");
  }

  @Test
  void featuresOfPicturesOfOneNameAreKeptApart() throws IOException {
    Path pictures = folder.resolve("pictures");
    for (String name : List.of("a/1.png", "b/1.png", "b/2.png", "b/2.jpg")) {
      Files.createDirectories(pictures.resolve(name).getParent());
      Files.copy(CAT, pictures.resolve(name));
    }
    assertThat(features(pictures).exitCode()).isZero();
    assertThat(written())
        .containsExactly(
            "a/1.pooled.npy", "b/1.pooled.npy", "b/2.jpg.pooled.npy", "b/2.png.pooled.npy");
  }

  @Test
  void refusesToWriteTwoResultsToOneFile() throws IOException {
    Path first = Files.createDirectories(folder.resolve("a")).resolve("1.png");
    Path second = Files.createDirectories(folder.resolve("b")).resolve("1.png");
    Files.copy(CAT, first);
    Files.copy(CAT, second);
    Outcome outcome = features(first, second);
    assertThat(outcome.exitCode()).isEqualTo(1);
    assertThat(outcome.err()).contains(first.toString(), second.toString(), "the same name");
    assertThat(written()).isEmpty();
  }

  private Outcome features(Path... inputs) {
    List<String> arguments = new ArrayList<>(List.of("features", "--outputs", "pooled"));
    arguments.addAll(List.of("--engine", "reference", "--weights", tinyModel().toString()));
    arguments.addAll(List.of("--to", folder.resolve("out").toString()));
    for (Path input : inputs) {
      arguments.add(input.toString());
    }
    return run(arguments.toArray(String[]::new));
  }

  private List<String> written() throws IOException {
    Path out = folder.resolve("out");
    if (!Files.exists(out)) {
      return List.of();
    }
    try (Stream<Path> files = Files.walk(out)) {
      return files
          .filter(Files::isRegularFile)
          .map(file -> out.relativize(file).toString().replace('\\', '/'))
          .sorted()
          .toList();
    }
  }

  @Test
  void writesGradients() throws IOException {
    Path images = folder.resolve("images.npy");
    HostTensor noise = HostTensor.zeros(Shape.of(2, 3, 8, 8));
    for (int i = 0; i < noise.shape().elements(); i++) {
      noise.set(i, (float) Math.sin(i));
    }
    Npy.write(images, noise);
    Path target = folder.resolve("gradients.safetensors");
    String model = tinyModel().toString();
    Outcome outcome =
        run(
            "gradients",
            "--images",
            images.toString(),
            "--labels",
            "0,2",
            "--engine",
            "reference",
            "--weights",
            model,
            "--to",
            target.toString());
    assertThat(outcome.exitCode()).as(outcome.err()).isZero();
    TensorFile file = TensorFile.open(target);
    assertThat(file.load("conv1.weight.grad").shape()).isEqualTo(Shape.of(16, 3, 3, 3));
    assertThat(file.tensors()).containsKeys("loss", "logits", "input.grad", "bn1.running_mean");
    Outcome wrong =
        run(
            "gradients",
            "--images",
            images.toString(),
            "--labels",
            "0",
            "--engine",
            "reference",
            "--weights",
            model,
            "--to",
            target.toString());
    assertThat(wrong.exitCode()).isEqualTo(1);
    assertThat(wrong.err()).contains("1 labels need images of shape 1x3xHxW, got 2x3x8x8");
  }

  @Test
  void describesAndConvertsWeights() {
    Path model = tinyModel();
    Outcome info = run("weights", "info", model.toString(), "--statistics");
    assertThat(info.exitCode()).isZero();
    assertThat(info.out()).contains("conv1.weight", "resnet8", "min");
    Path copy = folder.resolve("copy.safetensors");
    assertThat(run("weights", "convert", model.toString(), copy.toString()).exitCode()).isZero();
    assertThat(TensorFile.open(copy).load("fc.bias").toArray())
        .isEqualTo(TensorFile.open(model).load("fc.bias").toArray());
    assertThat(run("weights", "info", CAT.toString()).exitCode()).isEqualTo(1);
  }

  /** A file of the tiny network as others write it: no description, a prefix, a loss's tensor. */
  private Path bareModel(String prefix, String... extras) {
    Path file = folder.resolve("bare.safetensors");
    Map<String, HostTensor> tensors = new LinkedHashMap<>();
    ModelFile.open(tinyModel())
        .parameters()
        .asMap()
        .forEach((name, tensor) -> tensors.put(prefix + name, tensor));
    for (String extra : extras) {
      tensors.put(extra, HostTensor.zeros(Shape.of(3)));
    }
    SafetensorsWriter.write(file, tensors, Map.of());
    return file;
  }

  private Outcome classify(Path model, String... more) {
    List<String> arguments =
        new ArrayList<>(
            List.of("classify", "--engine", "reference", "--weights", model.toString()));
    arguments.addAll(List.of(more));
    arguments.add(CAT.toString());
    return run(arguments.toArray(String[]::new));
  }

  @Test
  void labelsCanBeGivenToWeightsWithoutAny() throws IOException {
    Path model = bareModel("");
    assertThat(classify(model).out()).contains("class 0", "class 1", "class 2");
    Path labels = folder.resolve("labels.txt");
    Files.writeString(labels, "a cat\na dog\na cup\n");
    assertThat(classify(model, "--labels", labels.toString()).out())
        .contains("a cat", "a dog", "a cup")
        .doesNotContain("class ");
    Path copy = folder.resolve("labelled.safetensors");
    Outcome converted =
        run("weights", "convert", model.toString(), copy.toString(), "--labels", labels.toString());
    assertThat(converted.exitCode()).isZero();
    assertThat(ModelFile.open(copy).metadata().labels()).containsExactly("a cat", "a dog", "a cup");
    for (String wrong : List.of("imagenet", folder.resolve("none").toString())) {
      Outcome refused = classify(model, "--labels", wrong);
      assertThat(refused.exitCode()).isEqualTo(1);
      assertThat(refused.err().lines().filter(line -> line.startsWith("resfuse: "))).hasSize(1);
    }
    assertThat(classify(model, "--labels", "imagenet").err())
        .contains("it has 3 classes, but there are 1000 labels");
  }

  @Test
  void whatIsLeftOutOfWeightsIsNamed() {
    Path model = bareModel("model.", "criterion.weight");
    Outcome info = run("weights", "info", model.toString());
    assertThat(info.out())
        .contains(
            "safetensors, 38 tensors: resnet8 with 3 classes; every parameter has its tensor, 1"
                + " left out (criterion.weight)");
    assertThat(classify(model).exitCode()).isZero();
  }

  @Test
  void remediesAreOptionsOfTheCommand() {
    Path strange = bareModel("", "attention");
    Outcome refused = classify(strange);
    assertThat(refused.exitCode()).isEqualTo(1);
    assertThat(refused.err()).contains("attention", "--lenient").doesNotContain("ResNetConfig");
    assertThat(classify(strange, "--lenient").exitCode()).isZero();
    Path prefixed = bareModel("module.encoder_q.", "module.queue");
    assertThat(classify(prefixed, "--prefix", "module.encoder_q").exitCode()).isZero();
    assertThat(classify(prefixed, "--prefix", "none").err()).contains("under the prefix 'none'");
  }

  @Test
  void formatsThatAreNotReadAreNamed() throws IOException {
    Path gguf = folder.resolve("model.gguf");
    Files.writeString(gguf, "GGUF\u0003\0\0\0\0\0\0\0\0\0\0\0");
    assertThat(classify(gguf).err()).contains(gguf + ": it is a", "GGUF", "; give the weights");
    Path heic = folder.resolve("photo.jpg");
    Files.writeString(heic, "\0\0\0\u0018ftypheic\0\0\0\0mif1heic");
    Outcome picture =
        run(
            "classify",
            "--engine",
            "reference",
            "--weights",
            tinyModel().toString(),
            heic.toString());
    assertThat(picture.exitCode()).isEqualTo(1);
    assertThat(picture.err()).contains(heic + ": is a HEIC picture; convert it to JPEG or PNG");
    assertThat(classify(CAT).err()).contains("it is a PNG picture");
  }

  @Test
  void classifyNeedsAHead() {
    Path backbone = folder.resolve("backbone.safetensors");
    ResNetConfig config = ResNetConfig.of(ResNetVariant.cifar(8, true)).backbone();
    ModelFile.save(
        backbone, ModelMetadata.of(config), Initializer.seeded(1).initialize(config.build()));
    assertThat(classify(backbone).err())
        .contains("resnet8 in it has no head that gives classes", "resfuse features");
  }
}
