package io.resfuse.train.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.resfuse.data.dataset.Dataset;
import io.resfuse.data.dataset.DatasetPacker;
import io.resfuse.data.dataset.Datasets;
import io.resfuse.data.dataset.Parts;
import io.resfuse.data.dataset.SegmentationDataset;
import io.resfuse.data.dataset.Split;
import io.resfuse.data.image.Image;
import io.resfuse.data.image.ImageDecoder;
import io.resfuse.model.Initializer;
import io.resfuse.model.NetworkConfig;
import io.resfuse.train.recipe.RecipeReader;
import io.resfuse.train.recipe.TrainingRecipe;
import io.resfuse.weights.ModelFile;
import io.resfuse.weights.ModelMetadata;
import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import javax.imageio.ImageIO;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** How a training is put together, without one. */
class TrainingSetupTest {
  private static final ImageDecoder DECODER = new ImageDecoder();

  @TempDir private Path folder;

  private static TrainingSetup setup(Dataset data, String network) {
    TrainingRecipe recipe = RecipeReader.read(null, Map.of("network", network, "batch", "1"));
    return TrainingSetup.of(recipe, data, data, null, 1);
  }

  /** Colour pictures in a folder of any name, which is not MNIST by being called so. */
  private record Pictures(String name) implements Dataset {
    @Override
    public int size() {
      return 2;
    }

    @Override
    public List<String> classes() {
      return List.of("cat", "dog");
    }

    @Override
    public int label(int index) {
      return index;
    }

    @Override
    public Image image(int index) {
      return Image.rgb(1, 1, new byte[3]);
    }
  }

  @ParameterizedTest
  @CsvSource({"mnist_m/train", "./mnist_m/train", "mnist", "fashion-mnist", "cifar10", "/a/cifar"})
  void aFolderIsNoDataSetByItsName(String name) {
    TrainingSetup small = setup(new Pictures(name), "resnet8");
    assertThat(small.preprocessing().name()).isEqualTo("cifar");
    assertThat(small.config().inputChannels()).isEqualTo(3);
    assertThat(setup(new Pictures(name), "resnet18").preprocessing().name())
        .isEqualTo("torchvision");
  }

  /** One white picture with a class for each pixel. */
  private record Maps(String name) implements SegmentationDataset {
    @Override
    public int size() {
      return 4;
    }

    @Override
    public List<String> classes() {
      return List.of("ground", "cat", "dog");
    }

    @Override
    public Image image(int index) {
      return Image.rgb(8, 8, new byte[192]);
    }

    @Override
    public Image map(int index) {
      return Image.grey(8, 8, new byte[64]);
    }
  }

  private static TrainingSetup maps(@Nullable ModelFile pretrained, String... settings) {
    Map<String, String> all = new HashMap<>(Map.of("batch", "1"));
    for (int i = 0; i < settings.length; i += 2) {
      all.put(settings[i], settings[i + 1]);
    }
    return TrainingSetup.of(
        RecipeReader.read(null, all), new Maps("maps"), new Maps("maps"), pretrained, 1);
  }

  @Test
  void networksAndPicturesMustBeOfOneKind() {
    assertThatThrownBy(() -> setup(new Pictures("pictures"), "fcn_resnet20"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith(
            "fcn_resnet20 gives each pixel a class, but pictures has a class for each picture;");
    assertThatThrownBy(() -> maps(null, "network", "resnet20"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith(
            "resnet20 gives a picture one class, but maps has a class for each pixel; choose");
    assertThatThrownBy(() -> maps(null, "network", "fcn_resnet8", "per_class", "1"))
        .hasMessageStartingWith("per_class counts pictures of a class, but here each picture");
  }

  @Test
  void picturesWithMapsAreHeldOutBySeed() {
    TrainingSetup setup = maps(null, "network", "fcn_resnet8", "validation", "0.5");
    assertThat(setup.config().classes()).isEqualTo(3);
    assertThat(setup.parts()).isNull();
    assertThat(setup.training().size()).isEqualTo(2);
    assertThat(setup.validationBatches().pictures()).isEqualTo(2);
    assertThat(setup.test().size()).isEqualTo(4);
    assertThat(maps(null, "network", "fcn_resnet8", "validation", "1").training().size())
        .isEqualTo(3);
    assertThatThrownBy(() -> maps(null, "network", "fcn_resnet8", "validation", "4"))
        .hasMessage("validation is 4, but there are 4 training pictures");
  }

  /** The backbone of a network that classifies pictures, or of one that classifies pixels. */
  @Test
  void segmentationBeginsWithTrainedBackbones() {
    ModelFile classifier = saved(NetworkConfig.of("resnet8"));
    TrainingSetup setup = maps(classifier, "network", "fcn_resnet8");
    assertThat(setup.config().name()).isEqualTo("fcn_resnet8");
    assertThat(setup.initial().get("backbone.layer2.0.conv1.weight").toArray())
        .isEqualTo(classifier.parameters().get("layer2.0.conv1.weight").toArray());
    ModelFile segmentation = saved(NetworkConfig.of("deeplabv3_resnet8"));
    TrainingSetup again = maps(segmentation);
    assertThat(again.config().name()).isEqualTo("deeplabv3_resnet8");
    assertThat(again.initial().get("backbone.conv1.weight").toArray())
        .isEqualTo(segmentation.parameters().get("backbone.conv1.weight").toArray());
    assertThat(again.initial().get("classifier.1.weight").toArray())
        .isNotEqualTo(segmentation.parameters().get("classifier.1.weight").toArray());
    TrainingSetup frozen =
        maps(segmentation, "transfer.weights", "x", "transfer.freeze", "backbone");
    assertThat(frozen.canCacheFeatures()).isFalse();
    assertThat(frozen.job().frozen())
        .contains("backbone.layer3.0.bn1.weight")
        .noneMatch(name -> name.contains("classifier"));
    assertThatThrownBy(() -> maps(classifier, "network", "fcn_resnet20"))
        .hasMessage(
            "the weights to begin with are those of a resnet8, but fcn_resnet20 is built on a"
                + " resnet20; choose others, or another network");
  }

  private ModelFile saved(NetworkConfig config) {
    Path file = folder.resolve(config.name() + ".safetensors");
    ModelFile.save(
        file,
        new ModelMetadata(config, "cifar", List.of(), Map.of()),
        Initializer.seeded(7).initialize(config.build()));
    return ModelFile.open(file);
  }

  /** Read from IDX files, and from what was packed of them. */
  @ParameterizedTest
  @CsvSource({"fashion, fashion-mnist", "digits, mnist"})
  void dataSetsThatAreKnownHaveTheirOwnPreprocessing(String home, String preset)
      throws IOException {
    Path files = Files.createDirectories(folder.resolve(home));
    for (String part : List.of("train", "t10k")) {
      Files.write(
          files.resolve(part + "-images-idx3-ubyte"),
          ByteBuffer.allocate(16 + 2 * 784).putInt(0x803).putInt(2).putInt(28).putInt(28).array());
      Files.write(
          files.resolve(part + "-labels-idx1-ubyte"),
          ByteBuffer.allocate(8 + 2).putInt(0x801).putInt(2).array());
    }
    Dataset training = Datasets.open(files, Split.TRAIN, DECODER);
    Path pack = folder.resolve("packed");
    new DatasetPacker(0, 1, (done, total) -> {}).pack(training, training, pack);
    for (Dataset data :
        List.of(training, training.subset(1), Datasets.open(pack, Split.TRAIN, DECODER))) {
      TrainingSetup setup = setup(data, "resnet20");
      assertThat(setup.preprocessing().name()).isEqualTo(preset);
      assertThat(setup.config().inputChannels()).isEqualTo(1);
    }
  }

  @Test
  void cifarIsReadAtItsSizeByNetworksForLargeImagesToo() throws IOException {
    byte[] record = new byte[2 + 3072];
    Files.write(folder.resolve("train.bin"), record);
    Dataset cifar = Datasets.open(folder, Split.TRAIN, DECODER);
    assertThat(setup(cifar, "resnet18").preprocessing().name()).isEqualTo("cifar");
  }

  /** Twelve training pictures of two classes, of which the first two are one, and four others. */
  @ParameterizedTest
  @ValueSource(strings = {"idx", "cifar", "folder", "list", "pack of idx", "pack of folder"})
  void aShareOfEachClassIsHeldOutOfTrainingPicturesOfAllKinds(String kind) throws IOException {
    Path data = write(kind.replace("pack of ", ""));
    if (kind.startsWith("pack")) {
      Path pack = folder.resolve("some.csv");
      Parts parts = Datasets.parts(data, 0, 0, DECODER);
      new DatasetPacker(0, 1, (done, total) -> {}).pack(parts.training(), parts.test(), pack);
      data = pack;
    }
    TrainingRecipe recipe =
        RecipeReader.read(null, Map.of("network", "resnet8", "batch", "1", "validation", "0.34"));
    for (int seed = 0; seed < 5; seed++) {
      Parts parts = Datasets.parts(data, recipe.validation(), seed, DECODER);
      assertThat(parts.heldOut()).isFalse();
      TrainingSetup setup = TrainingSetup.of(recipe, parts, null, 1);
      assertThat(setup.validationBatches().pictures()).isEqualTo(4);
      assertThat(setup.training().size()).isEqualTo(8);
      assertThat(setup.test().size()).isEqualTo(4);
      Parts held = Parts.holdingOut(parts.training(), 0.34, seed);
      assertThat(labels(held.test())).containsExactlyInAnyOrder(0, 0, 1, 1);
      assertThat(labels(held.training())).containsExactlyInAnyOrder(0, 0, 0, 0, 1, 1, 1, 1);
      assertThat(pixels(held.training())).doesNotContainAnyElementsOf(pixels(held.test()));
    }
  }

  private static List<Integer> labels(Dataset data) {
    return IntStream.range(0, data.size()).mapToObj(data::label).toList();
  }

  private static List<String> pixels(Dataset data) {
    return IntStream.range(0, data.size())
        .mapToObj(i -> Arrays.toString(data.image(i).pixels()))
        .toList();
  }

  private Path write(String kind) throws IOException {
    Path home = Files.createDirectories(folder.resolve(kind));
    StringBuilder lists = new StringBuilder("path,label,part\n");
    for (String part : List.of("train", "test")) {
      int count = part.equals("train") ? 12 : 4;
      ByteArrayOutputStream pixels = new ByteArrayOutputStream();
      ByteArrayOutputStream labels = new ByteArrayOutputStream();
      ByteArrayOutputStream records = new ByteArrayOutputStream();
      for (int i = 0; i < count; i++) {
        int label = (i / 2) % 2;
        int value = 10 * Math.max(1, i) + count;
        BufferedImage image = new BufferedImage(2, 2, BufferedImage.TYPE_INT_RGB);
        image.setRGB(0, 0, value);
        Path file = home.resolve(kind.equals("list") ? "" : part + "/" + label);
        file = Files.createDirectories(file).resolve(part + i + ".png");
        if (kind.equals("list") || kind.equals("folder")) {
          ImageIO.write(image, "png", file.toFile());
        }
        lists.append(part + i + ".png," + label + "," + part + "\n");
        pixels.write(value);
        labels.write(label);
        records.write(new byte[] {0, (byte) label, (byte) value});
        records.write(new byte[3071]);
      }
      String idx = part.equals("train") ? "train" : "t10k";
      switch (kind) {
        case "idx" -> {
          ByteBuffer header =
              ByteBuffer.allocate(16).putInt(0x803).putInt(count).putInt(1).putInt(1);
          Files.write(home.resolve(idx + "-images-idx3-ubyte"), join(header, pixels));
          header = ByteBuffer.allocate(8).putInt(0x801).putInt(count);
          Files.write(home.resolve(idx + "-labels-idx1-ubyte"), join(header, labels));
        }
        case "cifar" -> Files.write(home.resolve(part + ".bin"), records.toByteArray());
        default -> {}
      }
    }
    return kind.equals("list") ? Files.writeString(home.resolve("all.csv"), lists) : home;
  }

  private static byte[] join(ByteBuffer header, ByteArrayOutputStream elements) {
    byte[] all = new byte[header.capacity() + elements.size()];
    header.rewind().get(all, 0, header.capacity());
    System.arraycopy(elements.toByteArray(), 0, all, header.capacity(), elements.size());
    return all;
  }
}
