package io.resfuse.weights.format;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.resfuse.tensor.HostTensor;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;

/** The files beside the tests, and what their tensors hold. */
public final class TestWeights {
  private TestWeights() {}

  public static Path file(String name) {
    try {
      return Path.of(Objects.requireNonNull(TestWeights.class.getResource(name), name).toURI());
    } catch (URISyntaxException e) {
      throw new IllegalArgumentException(name, e);
    }
  }

  /** Element i of the tensors that the scripts write is 0.25 i - 3. */
  public static float value(int i) {
    return 0.25f * i - 3;
  }

  public static float[] values(int count) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = value(i);
    }
    return values;
  }

  public static void assertHolds(HostTensor tensor) {
    assertThat(tensor.toArray()).isEqualTo(values((int) tensor.shape().elements()));
  }

  /** Refused by a first line that begins with the file and has these parts. */
  public static void assertRefused(Path file, String... parts) {
    assertThatExceptionOfType(WeightsException.class)
        .isThrownBy(() -> TensorFile.open(file))
        .satisfies(
            e -> {
              String first = e.getMessage().lines().findFirst().orElseThrow();
              assertThat(first).startsWith(file.toString()).contains("; ");
              assertThat(List.of(parts)).allSatisfy(part -> assertThat(first).contains(part));
            });
  }

  /** The names of what lies in a folder. */
  public static List<String> filesIn(Path folder) {
    try (Stream<Path> files = Files.list(folder)) {
      return files.map(file -> file.getFileName().toString()).toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
