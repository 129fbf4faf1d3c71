package io.resfuse.weights;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.resfuse.engine.ParameterSpec;
import io.resfuse.engine.Parameters;
import io.resfuse.model.Initializer;
import io.resfuse.model.ResNetConfig;
import io.resfuse.model.ResNetVariant;
import io.resfuse.tensor.DataType;
import io.resfuse.tensor.HostTensor;
import io.resfuse.tensor.Shape;
import io.resfuse.weights.format.SafetensorsWriter;
import io.resfuse.weights.format.StoredTensor;
import io.resfuse.weights.format.TensorFile;
import io.resfuse.weights.format.WeightFormat;
import io.resfuse.weights.format.WeightsException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Model files: round trips, guessing, strict and lenient loading, refusals. */
class ModelFileTest {
  private static final ResNetConfig SMALL = ResNetConfig.of("resnet20");

  /** A variant that has no name in the tables. */
  private static final ResNetVariant SMALL_BOTTLENECKS =
      new ResNetVariant(
          "mine",
          ResNetVariant.BlockKind.BOTTLENECK,
          ResNetVariant.StemKind.CIFAR,
          List.of(1, 2),
          List.of(8, 16),
          2,
          64,
          true);

  @TempDir Path folder;

  private static Parameters fresh(ResNetConfig config) {
    return Initializer.seeded(1).initialize(config.build());
  }

  private static void assertSame(Parameters found, Parameters expected) {
    assertThat(found.asMap().keySet()).isEqualTo(expected.asMap().keySet());
    expected
        .asMap()
        .forEach((n, t) -> assertThat(found.get(n).toArray()).as(n).isEqualTo(t.toArray()));
  }

  /** A file without a description, as PyTorch users write them. */
  private Path bare(Map<String, HostTensor> tensors) {
    Path file = folder.resolve("bare");
    SafetensorsWriter.write(file, tensors, Map.of("format", "pt"));
    return file;
  }

  private static Map<String, HostTensor> tensors(ResNetConfig config) {
    return new LinkedHashMap<>(fresh(config).asMap());
  }

  @Test
  void describesItself() {
    ResNetConfig config =
        ResNetConfig.of(SMALL_BOTTLENECKS)
            .withStrideInFirst1x1(true)
            .withConvBias(true)
            .withClasses(2)
            .withInputChannels(1)
            .withEpsilon(1.001e-5)
            .replaceStrideWithDilation(true);
    ModelMetadata metadata =
        new ModelMetadata(
            config, "keras-caffe", List.of("cat", "\u00fcber \"dog\""), Map.of("license", "MIT"));
    Parameters parameters = fresh(config);
    Path file = folder.resolve("model.safetensors");
    ModelFile.save(file, metadata, parameters);
    ModelFile opened = ModelFile.open(file);
    assertThat(opened.metadata()).isEqualTo(metadata);
    assertThat(opened.report().isExact()).isTrue();
    assertThat(opened.report().notes()).isEmpty();
    assertSame(opened.parameters(), parameters);
    assertThat(opened.describe())
        .contains("mine")
        .contains("first 1x1")
        .contains("keras-caffe")
        .contains("MIT");
  }

  @Test
  void givesWritableCopies() {
    Path file = folder.resolve("model");
    ModelFile.save(file, ModelMetadata.of(SMALL), fresh(SMALL));
    ModelFile opened = ModelFile.open(file);
    opened.copyParameters().get("fc.bias").set(0, 9);
    assertThat(opened.parameters().get("fc.bias").get(0)).isNotEqualTo(9);
  }

  @Test
  void mayBeReplacedWhileInUse() {
    Path file = folder.resolve("model");
    ModelFile.save(file, ModelMetadata.of(SMALL), fresh(SMALL));
    ModelFile opened = ModelFile.open(file);
    ModelFile.save(file, opened.metadata(), Initializer.seeded(2).initialize(opened.network()));
    assertSame(opened.parameters(), fresh(SMALL));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "resnet18",
        "resnet34",
        "resnet50",
        "resnet101",
        "resnet152",
        "wide_resnet50_2",
        "wide_resnet101_2",
        "resnext101_32x8d",
        "resnext50_32x4d",
        "resnet20",
        "resnet56",
        "plain18",
      })
  void guessesTheVariant(String name) {
    ResNetConfig config = ResNetConfig.of(name).withClasses(7).withInputChannels(2);
    List<String> notes = new ArrayList<>();
    assertThat(VariantGuess.guess(NameMapping.of(withoutData(config)), notes)).isEqualTo(config);
    assertThat(notes).anyMatch(note -> note.contains(name));
  }

  /** The tensors of a network by name and shape only. */
  private static TensorFile withoutData(ResNetConfig config) {
    Map<String, StoredTensor> tensors = new LinkedHashMap<>();
    for (ParameterSpec p : config.build().parameters().values()) {
      tensors.put(
          p.name(),
          new StoredTensor(
              p.name(), DataType.FLOAT32, p.shape(), () -> HostTensor.zeros(p.shape())));
    }
    return new TensorFile(Path.of("none"), WeightFormat.SAFETENSORS, Map.of(), tensors);
  }

  @Test
  void guessesOtherDepthsAndProjections() {
    ResNetConfig config =
        ResNetConfig.of(ResNetVariant.cifar(26, true))
            .withShortcut(ResNetConfig.Shortcut.PROJECTION);
    assertThat(ModelFile.open(bare(tensors(config))).config()).isEqualTo(config);
  }

  @Test
  void saysWhatElseItCouldBe() {
    ModelFile opened = ModelFile.open(bare(tensors(SMALL)));
    assertThat(opened.config()).isEqualTo(SMALL);
    assertThat(opened.report().notes()).anyMatch(note -> note.contains("could also be a plain20"));
  }

  @Test
  void stripsPrefixesAndSkipsCounters() {
    Map<String, HostTensor> renamed = new LinkedHashMap<>();
    fresh(SMALL).asMap().forEach((n, t) -> renamed.put("module." + n.replace("fc.", "linear."), t));
    renamed.put("module.bn1.num_batches_tracked", HostTensor.of(Shape.of(), 5));
    ModelFile opened = ModelFile.open(bare(renamed));
    assertSame(opened.parameters(), fresh(SMALL));
    assertThat(opened.report().notes()).anyMatch(n -> n.contains("'module.'"));
    assertThat(opened.report().isExact()).isTrue();
  }

  @Test
  void refusesSeveralModelsInOne() {
    Map<String, HostTensor> both = new LinkedHashMap<>();
    fresh(SMALL).asMap().forEach((n, t) -> both.put("student." + n, t));
    fresh(SMALL).asMap().forEach((n, t) -> both.put("teacher." + n, t));
    Path file = bare(both);
    assertThatExceptionOfType(WeightsException.class)
        .isThrownBy(() -> ModelFile.open(file))
        .withMessageContaining("several ResNets, under the prefixes [student., teacher.]")
        .withMessageEndingWith("choose one: --prefix student.");
    assertSame(open(file, LoadOptions.STRICT.withPrefix("teacher")).parameters(), fresh(SMALL));
    assertThatExceptionOfType(WeightsException.class)
        .isThrownBy(() -> open(file, LoadOptions.STRICT.withPrefix("tutor")))
        .withMessageContaining("no ResNet is under the prefix 'tutor'")
        .withMessageContaining("'teacher.'");
  }

  private static ModelFile open(Path file, LoadOptions options) {
    return ModelFile.open(TensorFile.open(file), options);
  }

  @Test
  void opensABackboneOfAWholeModel() {
    ModelFile opened = ModelFile.open(bare(tensors(SMALL)), SMALL.backbone());
    assertThat(opened.report().unexpected()).containsExactly("fc.weight", "fc.bias");
    assertThat(opened.parameters().asMap()).doesNotContainKey("fc.weight");
  }

  @Test
  void reportsWhatDoesNotFit() {
    Map<String, HostTensor> wrong = tensors(SMALL);
    wrong.remove("bn1.bias");
    wrong.put("conv1.weight", HostTensor.zeros(Shape.of(16, 1, 3, 3)));
    wrong.put("surplus", HostTensor.zeros(Shape.of(1)));
    Path file = bare(wrong);
    assertThatExceptionOfType(WeightsException.class)
        .isThrownBy(() -> ModelFile.open(file, SMALL))
        .satisfies(
            e ->
                assertThat(e.getMessage().lines())
                    .containsExactly(
                        file
                            + ": its tensors do not fit resnet20 (1 missing, 1 misshapen, 1"
                            + " unexpected); name the network that it was made with: --network"
                            + " NAME",
                        "  missing: bn1.bias",
                        "  misshapen: conv1.weight needs 16x3x3x3, the file has 16x1x3x3",
                        "  unexpected: surplus"));
  }

  @Test
  void keepsInitialValuesWhereLenient() {
    Map<String, HostTensor> other = tensors(SMALL.withClasses(3));
    other.remove("bn1.weight");
    Initializer initializer = Initializer.seeded(99);
    ModelFile opened = ModelFile.openLenient(bare(other), SMALL, initializer);
    assertThat(opened.report().withoutValue())
        .containsExactly("bn1.weight", "fc.weight", "fc.bias");
    Parameters initial = initializer.initialize(SMALL.build());
    assertThat(opened.parameters().get("fc.weight").toArray())
        .isEqualTo(initial.get("fc.weight").toArray());
    assertThat(opened.parameters().get("conv1.weight").toArray())
        .isEqualTo(other.get("conv1.weight").toArray());
    Path nothing = folder.resolve("nothing");
    SafetensorsWriter.write(nothing, Map.of("x", HostTensor.zeros(Shape.of(1))), Map.of());
    assertThatExceptionOfType(WeightsException.class)
        .isThrownBy(() -> ModelFile.openLenient(nothing, SMALL, initializer))
        .withMessageContaining("do not fit resnet20");
  }

  @ParameterizedTest
  @ValueSource(floats = {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY})
  void refusesWhatIsNotFinite(float value) throws IOException {
    Map<String, HostTensor> tensors = tensors(SMALL);
    HostTensor poisoned = tensors.get("layer3.2.conv2.weight");
    poisoned.set(8191, value);
    Path file = bare(tensors);
    assertThatExceptionOfType(WeightsException.class)
        .isThrownBy(() -> ModelFile.open(file))
        .withMessageContaining("parameter layer3.2.conv2.weight[8191] is " + value);
    Path target = folder.resolve("target");
    assertThatExceptionOfType(WeightsException.class)
        .isThrownBy(
            () ->
                ModelFile.save(
                    target, ModelMetadata.of(SMALL), new Parameters(SMALL.build(), tensors)))
        .withMessageContaining("layer3.2.conv2.weight[8191]");
    assertThat(Files.exists(target)).isFalse();
  }

  @Test
  void saysWhenItIsNoResNet() {
    Path file = folder.resolve("vgg");
    SafetensorsWriter.write(
        file, Map.of("features.0.weight", HostTensor.zeros(Shape.of(1))), Map.of());
    assertThatExceptionOfType(WeightsException.class)
        .isThrownBy(() -> ModelFile.open(file))
        .withMessageContaining("not those of a ResNet");
    Map<String, HostTensor> narrow = tensors(SMALL);
    narrow.remove("layer2.1.conv2.weight");
    Path incomplete = bare(narrow);
    assertThatExceptionOfType(WeightsException.class)
        .isThrownBy(() -> ModelFile.open(incomplete))
        .withMessageContaining("the closest is resnet20 with 1 missing");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{}",
        "[]",
        "{\"version\":2}",
        "{\"version\":1,\"variant\":{}}",
        "{\"version\":1,\"variant\":{\"name\":\"x\",\"block\":\"BASIC\",\"stem\":\"CIFAR\","
            + "\"blocks\":[1000000000],\"widths\":[1],\"groups\":1,\"width_per_group\":64,"
            + "\"residual\":true},\"classes\":1,\"input_channels\":3,\"stride_in_first_1x1\":false,"
            + "\"conv_bias\":false,\"epsilon\":1e-5,\"momentum\":0.1,\"shortcut\":\"identity\","
            + "\"dilate_stages\":[]}",
        "{\"version\":1,\"variant\":{\"name\":\"x\",\"block\":\"BOTTLENECK\",\"stem\":\"CIFAR\","
            + "\"blocks\":[1],\"widths\":[16384],\"groups\":16383,\"width_per_group\":16384,"
            + "\"residual\":true},\"classes\":1,\"input_channels\":3,\"stride_in_first_1x1\":false,"
            + "\"conv_bias\":false,\"epsilon\":1e-5,\"momentum\":0.1,\"shortcut\":\"identity\","
            + "\"dilate_stages\":[]}",
      })
  void refusesDamagedDescriptions(String description) {
    Path file = folder.resolve("model");
    SafetensorsWriter.write(file, fresh(SMALL).asMap(), Map.of("resfuse.model", description));
    assertThatExceptionOfType(WeightsException.class)
        .isThrownBy(() -> ModelFile.open(file))
        .withMessageStartingWith(file.toString());
  }

  @Test
  void takesLabels() {
    ModelFile opened = ModelFile.open(bare(tensors(SMALL.withClasses(2))));
    List<String> names = List.of("cat", "dog");
    assertThat(opened.withLabels(names).metadata().labels()).isEqualTo(names);
    assertThatExceptionOfType(WeightsException.class)
        .isThrownBy(() -> opened.withLabels(List.of("cat")))
        .withMessageContaining("it has 2 classes, but there are 1 labels");
    assertThat(Labels.imageNet()).hasSize(1000).startsWith("tench").contains("Egyptian_cat");
    assertThat(Labels.imageNet().get(285)).isEqualTo("Egyptian_cat");
  }

  @Test
  void readsLabelsAsPeopleWriteThem() throws IOException {
    Path file = folder.resolve("labels.txt");
    Files.writeString(file, "\ufeffcat\r\n Welsh corgi, Pembroke \r\n\u00fcber\r\n\r\n");
    assertThat(Labels.read(file)).containsExactly("cat", "Welsh corgi, Pembroke", "\u00fcber");
    Files.writeString(file, "cat\n\ndog\n");
    assertThatExceptionOfType(WeightsException.class)
        .isThrownBy(() -> Labels.read(file))
        .withMessageContaining("line 2 is empty");
    Files.write(file, new byte[] {(byte) 0xff, 0});
    assertThatExceptionOfType(WeightsException.class)
        .isThrownBy(() -> Labels.read(file))
        .withMessageContaining("no text in UTF-8");
    assertThatExceptionOfType(WeightsException.class)
        .isThrownBy(() -> Labels.read(folder.resolve("none")))
        .withMessageContaining("no such file");
  }

  @Test
  void anInterruptedThreadReadsOnAndStaysInterrupted() {
    Path file = bare(tensors(SMALL));
    Thread.currentThread().interrupt();
    boolean still;
    ModelFile opened;
    try {
      opened = ModelFile.open(file);
    } finally {
      still = Thread.interrupted();
    }
    assertThat(still).isTrue();
    assertSame(opened.parameters(), fresh(SMALL));
  }

  @Test
  void wantsALabelPerClass() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new ModelMetadata(SMALL, null, List.of("one"), Map.of()))
        .withMessageContaining("10 classes needs as many labels or none, got 1");
  }

  @Test
  void countsWhatIsInATensor() {
    Path file = folder.resolve("x");
    SafetensorsWriter.write(
        file,
        Map.of(
            "x",
            HostTensor.of(Shape.of(5), 1, -3, Float.NaN, Float.POSITIVE_INFINITY, 2),
            "none",
            HostTensor.zeros(Shape.of(0))),
        Map.of());
    Map<String, StoredTensor> tensors = TensorFile.open(file).tensors();
    assertThat(tensors.get("x").statistics())
        .isEqualTo(new StoredTensor.Statistics(-3, 2, 0, 1, 1));
    assertThat(tensors.get("none").statistics().min()).isNaN();
  }
}
