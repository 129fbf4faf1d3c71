package io.resfuse.train.run;

import static org.assertj.core.api.Assertions.assertThat;

import io.resfuse.data.dataset.Dataset;
import io.resfuse.data.dataset.DatasetPacker;
import io.resfuse.data.dataset.Datasets;
import io.resfuse.data.dataset.Split;
import io.resfuse.data.image.Image;
import io.resfuse.data.image.ImageDecoder;
import io.resfuse.train.recipe.RecipeReader;
import io.resfuse.train.recipe.TrainingRecipe;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

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
}
