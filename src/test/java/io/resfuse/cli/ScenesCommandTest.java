package io.resfuse.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ScenesCommandTest {
  @TempDir private Path folder;

  /** Five discs, in the form of Fashion-MNIST's files. */
  @BeforeEach
  void garments() throws IOException {
    for (String part : new String[] {"train", "t10k"}) {
      ByteArrayOutputStream bytes = new ByteArrayOutputStream();
      ByteArrayOutputStream labels = new ByteArrayOutputStream();
      try (DataOutputStream images = new DataOutputStream(bytes);
          DataOutputStream classes = new DataOutputStream(labels)) {
        for (int number : new int[] {0x803, 5, 28, 28}) {
          images.writeInt(number);
        }
        classes.writeInt(0x801);
        classes.writeInt(5);
        for (int i = 0; i < 5; i++) {
          classes.writeByte(2 * i);
          for (int p = 0; p < 28 * 28; p++) {
            int x = p % 28 - 14;
            int y = p / 28 - 14;
            images.writeByte(x * x + y * y < 60 + 20 * i ? 150 : 0);
          }
        }
      }
      Path data = Files.createDirectories(folder.resolve("fashion"));
      Files.write(data.resolve(part + "-images-idx3-ubyte"), bytes.toByteArray());
      Files.write(data.resolve(part + "-labels-idx1-ubyte"), labels.toByteArray());
    }
  }

  private Outcome scenes(String to, String... more) {
    String[] arguments = new String[more.length + 5];
    arguments[0] = "scenes";
    arguments[1] = "--output";
    arguments[2] = folder.resolve(to).toString();
    arguments[3] = "--data";
    arguments[4] = folder.resolve("fashion").toString();
    System.arraycopy(more, 0, arguments, 5, more.length);
    return Outcome.of(arguments);
  }

  @Test
  void scenesAreWritten() throws IOException {
    Outcome made = scenes("a", "--count", "3", "--size", "64", "--split", "test");
    assertThat(made.exitCode()).as(made.err()).isZero();
    assertThat(made.out()).startsWith(folder.resolve("a") + ": 3 scenes of 64 x 64 pixels, in ");
    assertThat(folder.resolve("a/pictures/000002.png")).exists();
    assertThat(folder.resolve("a/masks/000002.png")).exists();
    assertThat(Files.readAllLines(folder.resolve("a/classes.txt")))
        .hasSize(11)
        .startsWith("background", "T-shirt/top", "Trouser");
    assertThat(Files.readString(folder.resolve("a/annotations.json"))).startsWith("{\"images\":[{");
  }

  @Test
  void mistakesAreNamed() {
    Outcome small = scenes("b", "--size", "8");
    assertThat(small.exitCode()).isEqualTo(1);
    assertThat(small.err()).contains("got 1000 of 8");
    Outcome inUse = scenes("fashion", "--count", "1");
    assertThat(inUse.exitCode()).isEqualTo(1);
    assertThat(inUse.err())
        .startsWith(
            "resfuse: " + folder.resolve("fashion") + ": is not empty; name another folder");
    assertThat(Outcome.of("scenes").exitCode()).isEqualTo(2);
  }
}
