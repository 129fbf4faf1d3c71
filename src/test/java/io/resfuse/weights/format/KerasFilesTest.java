package io.resfuse.weights.format;

import static io.resfuse.weights.format.TestWeights.assertHolds;
import static io.resfuse.weights.format.TestWeights.assertRefused;
import static io.resfuse.weights.format.TestWeights.file;
import static org.assertj.core.api.Assertions.assertThat;

import io.resfuse.tensor.DataType;
import io.resfuse.tensor.Shape;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.Map;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** HDF5 files in Keras's layouts that h5py wrote (make_keras_files.py). */
class KerasFilesTest {
  @TempDir Path folder;

  @ParameterizedTest
  @CsvSource({
    "save_weights.h5, FLOAT32",
    "save.h5, FLOAT32",
    "split_names.h5, FLOAT32",
    "chunked.h5, FLOAT32",
    "shuffled.h5, FLOAT32",
    "big_endian.h5, FLOAT32",
    "float16.h5, FLOAT16"
  })
  void readsBothLayouts(String name, DataType type) {
    TensorFile opened = TensorFile.open(file(name));
    assertThat(opened.format()).isEqualTo(WeightFormat.KERAS_HDF5);
    assertThat(opened.tensors().keySet())
        .containsExactly(
            "conv1/kernel",
            "conv1/bias",
            "bn_conv1/gamma",
            "bn_conv1/moving_variance",
            "fc1000/kernel",
            "fc1000/bias");
    assertThat(opened.tensors().get("conv1/kernel").type()).isEqualTo(type);
    assertThat(opened.load("conv1/kernel").shape()).isEqualTo(Shape.of(2, 3, 4, 5));
    opened.tensors().keySet().forEach(tensor -> assertHolds(opened.load(tensor)));
  }

  @Test
  void readsTheTopology() {
    assertThat(TensorFile.open(file("save.h5")).metadata())
        .isEqualTo(
            Map.of(KerasTopology.EPSILON, "0.0011", KerasTopology.STRIDE_IN_FIRST_1X1, "true"));
    assertThat(TensorFile.open(file("save_weights.h5")).metadata()).isEmpty();
  }

  @Test
  void namesWeightsOfNestedModels() {
    assertThat(TensorFile.open(file("nested.h5")).tensors().keySet())
        .containsExactly("conv1/kernel", "conv1/bias", "dense/kernel");
  }

  @Test
  void refusesLinksAndOtherFiles() {
    assertRefused(file("external_link.h5"), "'conv1' is a link to elsewhere");
    assertRefused(file("soft_link.h5"), "'bias:0' is a link to elsewhere");
    assertRefused(file("external_data.h5"));
    assertRefused(file("no_keras.h5"), "has neither layer_names nor layers");
    assertRefused(file("chunk_bomb.h5"), "a chunk that unpacks to more than its 16384 bytes");
    // Of WeightsMutationTest: a small tensor whose chunks say they have 47 MB each.
    assertRefused(
        file("damaged_chunk_sizes.h5"), "has a chunk of 480 bytes that should have 47186400");
    assertRefused(file("huge_chunked.h5"), "far more than the file can hold");
  }

  @ParameterizedTest
  @ValueSource(strings = {"save.h5", "chunked.h5"})
  void refusesEveryTruncation(String name) throws IOException {
    byte[] whole = Files.readAllBytes(file(name));
    for (int length = 0; length < whole.length; length += 97) {
      Path cut = Files.write(folder.resolve("cut"), Arrays.copyOf(whole, length));
      Assertions.assertTimeoutPreemptively(Duration.ofSeconds(10), () -> assertRefused(cut));
    }
  }
}
