package io.resfuse.weights;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.resfuse.engine.ParameterSpec;
import io.resfuse.model.Initializer;
import io.resfuse.model.ResNetConfig;
import io.resfuse.model.ResNetVariant;
import io.resfuse.tensor.DataType;
import io.resfuse.tensor.HostTensor;
import io.resfuse.tensor.Shape;
import io.resfuse.weights.format.StoredTensor;
import io.resfuse.weights.format.TensorFile;
import io.resfuse.weights.format.WeightFormat;
import io.resfuse.weights.format.WeightsException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The names under which checkpoints of PyTorch keep a ResNet, its head, and what is no part of it.
 */
class CheckpointNamesTest {
  private static final ResNetConfig SMALL = ResNetConfig.of("resnet8");
  private static final int FEATURES = 64;

  private static Map<String, HostTensor> parameters(ResNetConfig config) {
    return new LinkedHashMap<>(Initializer.seeded(1).initialize(config.build()).asMap());
  }

  private static Map<String, HostTensor> renamed(UnaryOperator<String> naming) {
    Map<String, HostTensor> renamed = new LinkedHashMap<>();
    parameters(SMALL).forEach((name, tensor) -> renamed.put(naming.apply(name), tensor));
    return renamed;
  }

  private static TensorFile file(Map<String, HostTensor> tensors) {
    Map<String, StoredTensor> stored = new LinkedHashMap<>();
    tensors.forEach(
        (name, tensor) ->
            stored.put(
                name, new StoredTensor(name, DataType.FLOAT32, tensor.shape(), () -> tensor)));
    return new TensorFile(Path.of("some.pth"), WeightFormat.PYTORCH_ZIP, Map.of(), stored);
  }

  /** A network by its names and shapes only. */
  private static TensorFile shapes(ResNetConfig config, UnaryOperator<String> naming) {
    Map<String, StoredTensor> tensors = new LinkedHashMap<>();
    for (ParameterSpec p : config.build().parameters().values()) {
      String name = naming.apply(p.name());
      tensors.put(
          name,
          new StoredTensor(name, DataType.FLOAT32, p.shape(), () -> HostTensor.zeros(p.shape())));
    }
    return new TensorFile(Path.of("some.pth"), WeightFormat.PYTORCH_ZIP, Map.of(), tensors);
  }

  private static void assertIsSmall(ModelFile opened) {
    assertThat(opened.config()).isEqualTo(SMALL);
    parameters(SMALL)
        .forEach(
            (name, tensor) ->
                assertThat(opened.parameters().get(name).toArray())
                    .as(name)
                    .isEqualTo(tensor.toArray()));
  }

  private static HostTensor zeros(int... dimensions) {
    return HostTensor.zeros(Shape.of(dimensions));
  }

  /** torchvision's names to those of Hugging Face's transformers, the other way round. */
  private static String huggingFace(String name, String prefix) {
    String[] p = name.split("\\.", -1);
    String variable = p[p.length - 1];
    if (p[0].equals("fc")) {
      return "classifier.1." + variable;
    }
    if (p[0].equals("conv1") || p[0].equals("bn1")) {
      return prefix
          + "embedder.embedder."
          + (p[0].equals("conv1") ? "convolution." : "normalization.")
          + variable;
    }
    String block = prefix + "encoder.stages." + (p[0].charAt(5) - '1') + ".layers." + p[1] + ".";
    boolean convolution = p[2].equals("downsample") ? p[3].equals("0") : p[2].startsWith("conv");
    String layer =
        p[2].equals("downsample")
            ? "shortcut."
            : "layer." + (p[2].charAt(p[2].length() - 1) - '1') + ".";
    return block + layer + (convolution ? "convolution." : "normalization.") + variable;
  }

  @ParameterizedTest
  @ValueSource(strings = {"resnet.", "", "module.resnet."})
  void knowsHuggingFacesNames(String prefix) {
    String outer = prefix.replace("resnet.", "");
    assertIsSmall(
        ModelFile.open(
            file(
                renamed(
                    name -> {
                      String theirs = huggingFace(name, prefix);
                      return theirs.startsWith("classifier") ? outer + theirs : theirs;
                    }))));
  }

  @ParameterizedTest
  @ValueSource(strings = {"resnet18", "resnet34", "resnet50", "resnet101", "resnet152"})
  void findsHuggingFacesNetworks(String variant) {
    ResNetConfig config = ResNetConfig.of(variant).withClasses(3);
    NameMapping mapping = NameMapping.of(shapes(config, n -> huggingFace(n, "resnet.")));
    assertThat(VariantGuess.guess(mapping, new ArrayList<>())).isEqualTo(config);
    assertThat(mapping.compare(config, List.of()).isExact()).isTrue();
  }

  /** Hugging Face's resnet-26 is no basic blocks of CIFAR's but bottlenecks. */
  @Test
  void findsNetworksWithoutANameByTheirShapes() {
    ResNetVariant deep =
        new ResNetVariant(
            "resnet26_imagenet",
            ResNetVariant.BlockKind.BOTTLENECK,
            ResNetVariant.StemKind.IMAGENET,
            List.of(2, 2, 2, 2),
            List.of(64, 128, 256, 512),
            1,
            64,
            true);
    ResNetVariant grouped =
        new ResNetVariant(
            "resnet14_cifar",
            ResNetVariant.BlockKind.BOTTLENECK,
            ResNetVariant.StemKind.CIFAR,
            List.of(1, 1, 1, 1),
            List.of(32, 64, 128, 256),
            4,
            32,
            true);
    for (ResNetVariant variant : List.of(deep, grouped)) {
      ResNetConfig config = ResNetConfig.of(variant).withClasses(3);
      NameMapping mapping = NameMapping.of(shapes(config, n -> huggingFace(n, "resnet.")));
      assertThat(VariantGuess.guess(mapping, new ArrayList<>())).isEqualTo(config);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"resnet18_cifar", "resnet34_cifar", "resnet50_cifar"})
  void findsTheWideNetworksOfCifar(String variant) {
    ResNetConfig config = ResNetConfig.of(variant);
    TensorFile file =
        shapes(
            config,
            n -> "module." + n.replace("fc.", "linear.").replace(".downsample.", ".shortcut."));
    NameMapping mapping = NameMapping.of(file);
    assertThat(VariantGuess.guess(mapping, new ArrayList<>())).isEqualTo(config);
    assertThat(mapping.compare(config, List.of()).isExact()).isTrue();
    assertThat(ModelFile.preset(config)).isEqualTo("cifar");
  }

  @ParameterizedTest
  @CsvSource({"'', 4", "features., 4", "0., 4", "f., 3", "module.backbone., 3"})
  void knowsThePartsOfATorchvisionNetworkInASequential(String prefix, int first) {
    assertIsSmall(
        ModelFile.open(
            file(
                renamed(
                    name ->
                        name.startsWith("fc")
                            ? (prefix.isEmpty() ? "9." + name.substring(3) : name)
                            : prefix
                                + name.replace(
                                        "conv1.weight",
                                        name.startsWith("layer") ? "conv1.weight" : "0.weight")
                                    .replaceFirst("^bn1", "1")
                                    .replaceFirst("^layer1", "" + first)
                                    .replaceFirst("^layer2", "" + (first + 1))
                                    .replaceFirst("^layer3", "" + (first + 2))))));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "fc.1",
        "fc.0",
        "fc.3.0",
        "linear",
        "last_linear",
        "classifier",
        "head",
        "classifier.1",
        "head.fc",
        "my_output"
      })
  void takesOneLinearLayerForTheHead(String name) {
    ModelFile opened = ModelFile.open(file(renamed(n -> n.replace("fc.", name + "."))));
    assertIsSmall(opened);
    assertThat(opened.report().isExact()).isTrue();
    assertThat(opened.report().notes()).contains("the head is '" + name + "'");
  }

  @ParameterizedTest
  @CsvSource({"backbone., head.fc.", "model.backbone., model.classifier.", "encoder., fc."})
  void findsTheHeadBesideTheBackbone(String prefix, String head) {
    assertIsSmall(
        ModelFile.open(
            file(renamed(n -> n.startsWith("fc.") ? n.replace("fc.", head) : prefix + n))));
  }

  @Test
  void aHeadWithoutBiasHasZeros() {
    Map<String, HostTensor> tensors = parameters(SMALL);
    tensors.remove("fc.bias");
    ModelFile opened = ModelFile.open(file(tensors));
    assertThat(opened.parameters().get("fc.bias").toArray()).containsOnly(0).hasSize(10);
    assertThat(opened.report().notes()).contains("the head has no bias; zeros are taken");
  }

  @Test
  void aHeadOfSeveralLayersIsNamedAndNotDroppedInSilence() {
    Map<String, HostTensor> tensors = renamed(n -> n.replace("fc.", "fc.0."));
    tensors.put("fc.3.weight", zeros(5, 10));
    tensors.put("fc.3.bias", zeros(5));
    assertHasNoHead(
        ModelFile.open(file(tensors)), "fc.0.weight, fc.0.bias, fc.3.weight, fc.3.bias");
    tensors.replaceAll((name, tensor) -> name.equals("fc.0.weight") ? zeros(10, 12) : tensor);
    assertHasNoHead(
        ModelFile.open(file(tensors)), "fc.0.weight, fc.0.bias, fc.3.weight, fc.3.bias");
  }

  @Test
  void aLinearLayerBehindTheHeadMakesItNone() {
    Map<String, HostTensor> tensors = renamed(n -> "model." + n);
    tensors.put("classifier.weight", zeros(2, 10));
    tensors.put("classifier.bias", zeros(2));
    assertHasNoHead(
        ModelFile.open(file(tensors)),
        "model.fc.weight, model.fc.bias, classifier.weight, classifier.bias");
  }

  @Test
  void aProjectionIsNoHead() {
    Map<String, HostTensor> tensors = renamed(n -> "backbone." + n);
    tensors.remove("backbone.fc.weight");
    tensors.remove("backbone.fc.bias");
    tensors.put("projector.weight", zeros(16, FEATURES));
    assertHasNoHead(ModelFile.open(file(tensors)), "projector.weight");
  }

  private static void assertHasNoHead(ModelFile opened, String named) {
    assertThat(opened.config()).isEqualTo(SMALL.backbone());
    assertThat(opened.report().withoutPlace()).isEqualTo(named);
    assertThat(opened.summary()).contains("without a head").endsWith("(" + named + ")");
    assertThatExceptionOfType(WeightsException.class)
        .isThrownBy(opened::requireHead)
        .withMessageContaining("no head that gives classes: " + named);
  }

  @ParameterizedTest
  @CsvSource({
    "model., criterion.weight",
    "model., loss_fn.weight",
    "model., queue",
    "model., ema.decay",
    "'', criterion.weight",
    "'', queue",
    "model., model.loss.weight"
  })
  void leavesOutWhatIsNoPartOfTheNetwork(String prefix, String extra) {
    Map<String, HostTensor> tensors = renamed(n -> prefix + n);
    tensors.put(extra, zeros(10));
    ModelFile opened = ModelFile.open(file(tensors));
    assertIsSmall(opened);
    assertThat(opened.report().leftOut()).containsExactly(extra);
    assertThat(opened.report().unexpected()).isEmpty();
    assertThat(opened.describe()).contains("left out       " + extra);
  }

  @ParameterizedTest
  @CsvSource({
    "model., ema_model.",
    "'', ema.module.",
    "module., averaged_model.",
    "model., model_ema."
  })
  void takesTheModelAndNotItsAverage(String prefix, String average) {
    Map<String, HostTensor> tensors = renamed(n -> prefix + n);
    renamed(n -> average + n)
        .forEach((name, tensor) -> tensors.put(name, HostTensor.zeros(tensor.shape())));
    TensorFile file = file(tensors);
    ModelFile opened = ModelFile.open(file);
    assertIsSmall(opened);
    assertThat(opened.report().leftOut()).hasSize(parameters(SMALL).size());
    assertThat(opened.report().notes()).anyMatch(note -> note.contains("--prefix"));
    ModelFile other = ModelFile.open(file, LoadOptions.STRICT.withPrefix(average));
    assertThat(other.parameters().get("conv1.weight").toArray()).containsOnly(0);
  }

  @Test
  void takesTheEncoderOfMocoThatIsAskedFor() {
    Map<String, HostTensor> tensors = renamed(n -> "module.encoder_q." + n);
    renamed(n -> "module.encoder_k." + n).forEach(tensors::put);
    tensors.put("module.queue", zeros(10, 3));
    TensorFile file = file(tensors);
    assertThatExceptionOfType(WeightsException.class)
        .isThrownBy(() -> ModelFile.open(file))
        .withMessageContaining("[module.encoder_k., module.encoder_q.]")
        .withMessageEndingWith("choose one: --prefix module.encoder_q.");
    assertIsSmall(ModelFile.open(file, LoadOptions.STRICT.withPrefix("module.encoder_q.")));
    assertIsSmall(ModelFile.open(file, LoadOptions.STRICT.withPrefix("module.encoder_k")));
  }

  @Test
  void refusesWhatMayBelongToTheNetworkUnlessAskedTo() {
    Map<String, HostTensor> tensors = parameters(SMALL);
    tensors.put("attention.scale", zeros(3));
    TensorFile file = file(tensors);
    assertThatExceptionOfType(WeightsException.class)
        .isThrownBy(() -> ModelFile.open(file))
        .withMessageContaining("(1 unexpected); if the network does not need them, leave them out:")
        .withMessageContaining("--lenient")
        .withMessageContaining("unexpected: attention.scale");
    assertIsSmall(ModelFile.open(file, LoadOptions.STRICT.withLenient(true)));
    tensors.put("layer1.0.gate.fc1.weight", zeros(3, 3));
    TensorFile gated = file(tensors);
    assertThatExceptionOfType(WeightsException.class)
        .isThrownBy(() -> ModelFile.open(gated))
        .withMessageContaining("the closest is resnet8 with")
        .withMessageContaining("layer1.0.gate.fc1.weight");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "resnet50c",
        "resnet50s",
        "resnet18d",
        "resnet50d",
        "resnet50t",
        "resnet10t",
        "seresnet18",
        "seresnet50",
        "seresnet50t",
        "seresnext26d_32x4d",
        "seresnext50_32x4d"
      })
  void knowsTheNamesOfTimmsNetworks(String name) {
    ResNetConfig config = ResNetConfig.of(name).withClasses(3);
    assertThat(ModelFile.open(shapes(config, n -> "module." + n)).config()).isEqualTo(config);
  }

  @Test
  void findsAveragedShortcutsInTablesWithoutAName() {
    ResNetVariant table =
        new ResNetVariant(
            "resnet10_deep",
            ResNetVariant.BlockKind.BASIC,
            ResNetVariant.StemKind.DEEP,
            List.of(1, 1, 2),
            List.of(8, 16, 24),
            1,
            64,
            true,
            true,
            false);
    ResNetConfig config = ResNetConfig.of(table).withClasses(4);
    assertThat(ModelFile.open(shapes(config, n -> n)).config()).isEqualTo(config);
  }

  @Test
  void refusesADeepStemOfOtherWidthsByItsClosestRelative() {
    TensorFile file =
        shapes(
            ResNetConfig.of("resnet50s").withClasses(3),
            n -> n.equals("conv1.3.weight") ? "conv1.2.weight" : n);
    assertThatExceptionOfType(WeightsException.class)
        .isThrownBy(() -> ModelFile.open(file))
        .withMessageContaining("the closest is resnet50c with")
        .withMessageContaining("conv1.3.weight");
  }

  @ParameterizedTest
  @CsvSource({
    "layer1.0.se.conv.weight, it has efficient channel attention (an ECA-ResNet)",
    "layer2.0.se.fc.weight, it has channel attention other than squeeze and excitation by fc1",
    "layer2.0.se_module.fc1.weight, it has squeeze and excitation as in timm's legacy_se networks",
    "maxpool.0.weight, it has another pooling behind its stem (a ResNet-RS",
    "layer2.0.aa.filt, it has anti-aliased strides (blur pools)",
    "layer1.0.conv2.fc1.weight, it has split or selective convolutions (a ResNeSt",
    "layer1.0.convs.1.weight, it has convolutions in steps (a Res2Net)",
  })
  void refusesRelativesThatItDoesNotRun(String name, String found) {
    Map<String, HostTensor> file = parameters(SMALL);
    file.put(name, zeros(3));
    assertThatExceptionOfType(WeightsException.class)
        .isThrownBy(() -> ModelFile.open(file(file)))
        .withMessageContaining(found)
        .withMessageContaining("which is not run here")
        .withMessageNotContaining("\n");
  }

  @ParameterizedTest
  @CsvSource({
    "stages.0.blocks.0.norm1.weight, resnetv2",
    "layer0.conv1.weight, legacy_se",
  })
  void saysWhatOtherNetworksAre(String name, String found) {
    Map<String, HostTensor> file = new LinkedHashMap<>();
    file.put(name, zeros(3));
    assertThatExceptionOfType(WeightsException.class)
        .isThrownBy(() -> ModelFile.open(file(file)))
        .withMessageContaining(found);
  }
}
