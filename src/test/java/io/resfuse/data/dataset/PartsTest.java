package io.resfuse.data.dataset;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.resfuse.data.DataException;
import io.resfuse.data.Expected;
import io.resfuse.data.image.ImageDecoder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What to learn from and what to measure on. */
class PartsTest {
  private static final ImageDecoder DECODER = new ImageDecoder();

  @TempDir private Path folder;

  /**
   * A picture with a few more bytes at its end, so that it is the same as those with this number.
   */
  private void put(String name, int number) throws IOException {
    byte[] png = Expected.resource("pictures/rgb.png");
    Path file = folder.resolve(name);
    Files.createDirectories(file.getParent());
    byte[] more = Arrays.copyOf(png, png.length + 4);
    more[png.length] = (byte) number;
    more[png.length + 1] = (byte) (number >> 8);
    Files.write(file, more);
  }

  private static Set<Path> files(Dataset data) {
    Set<Path> files = new HashSet<>();
    for (int i = 0; i < data.size(); i++) {
      files.add(data.file(i));
    }
    return files;
  }

  private static int[] counts(Dataset data) {
    int[] counts = new int[data.classes().size()];
    for (int i = 0; i < data.size(); i++) {
      counts[data.label(i)]++;
    }
    return counts;
  }

  @Test
  void aShareOfEachClassIsHeldOut() throws IOException {
    for (int i = 0; i < 40; i++) {
      put("cat/" + i + ".png", i);
    }
    for (int i = 0; i < 11; i++) {
      put("dog/" + i + ".png", 1000 + i);
    }
    put("owl/1.png", 2001);
    put("owl/2.png", 2002);
    Parts parts = Datasets.parts(folder, 0, 7, DECODER);
    assertThat(parts.heldOut()).isTrue();
    assertThat(counts(parts.test())).containsExactly(8, 2, 1);
    assertThat(counts(parts.training())).containsExactly(32, 9, 1);
    assertThat(files(parts.training())).doesNotContainAnyElementsOf(files(parts.test()));
    assertThat(Datasets.parts(folder, 0, 7, DECODER).list()).isEqualTo(parts.list());
    assertThat(Datasets.parts(folder, 0, 8, DECODER).list()).isNotEqualTo(parts.list());
    assertThat(counts(Datasets.parts(folder, 0.5, 7, DECODER).test())).containsExactly(20, 6, 1);
    assertThat(counts(Datasets.parts(folder, 26, 7, DECODER).test())).containsExactly(20, 5, 1);
    assertThatThrownBy(() -> Datasets.parts(folder, 53, 7, DECODER))
        .isInstanceOf(DataException.class)
        .hasMessageEndingWith("53.0 of its 53 pictures cannot be held out");

    Path list = Files.writeString(folder.resolve("split.csv"), parts.list());
    for (Split split : Split.values()) {
      Dataset again = Datasets.open(list, split, DECODER);
      Dataset before = split == Split.TRAIN ? parts.training() : parts.test();
      assertThat(files(again)).isEqualTo(files(before));
      assertThat(again.classes()).isEqualTo(before.classes());
      assertThat(counts(again)).isEqualTo(counts(before));
    }
  }

  @Test
  void identicalPicturesAreOnOneSide() throws IOException {
    for (int i = 0; i < 30; i++) {
      put("cat/" + i + ".png", i % 10);
      put("dog/" + i + ".png", i < 25 ? 100 + i : i % 10);
    }
    for (long seed = 0; seed < 20; seed++) {
      Parts parts = Datasets.parts(folder, 0.3, seed, DECODER);
      assertThat(contents(parts.training())).doesNotContainAnyElementsOf(contents(parts.test()));
      assertThat(counts(parts.test())[0]).isBetween(3, 9);
    }
    put("owl/1.png", 5000);
    put("owl/2.png", 5000);
    assertThatThrownBy(() -> Datasets.parts(folder, 0.3, 0, DECODER))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("class 'owl' has too few different pictures to hold one out");
  }

  private static Set<String> contents(Dataset data) throws IOException {
    Set<String> contents = new HashSet<>();
    for (Path file : files(data)) {
      contents.add(Expected.crc(Files.readAllBytes(file)));
    }
    return contents;
  }

  @Test
  void onlyWhatHasNoTestPartIsParted() throws IOException {
    for (int i = 0; i < 5; i++) {
      put("alone/train/cat/" + i + ".png", i);
      put("alone/train/dog/" + i + ".png", 10 + i);
      put("both/train/cat/" + i + ".png", i);
      put("both/train/dog/" + i + ".png", 10 + i);
      put("vehicles/train/" + i + ".png", 20 + i);
      put("vehicles/plane/" + i + ".png", 30 + i);
    }
    put("both/val/cat/1.png", 90);
    put("both/val/dog/1.png", 91);
    Parts alone = Datasets.parts(folder.resolve("alone"), 0, 0, DECODER);
    assertThat(alone.heldOut()).isTrue();
    assertThat(alone.test().size()).isEqualTo(2);
    Parts both = Datasets.parts(folder.resolve("both"), 0, 0, DECODER);
    assertThat(both.heldOut()).isFalse();
    assertThat(both.training().size()).isEqualTo(10);
    Parts vehicles = Datasets.parts(folder.resolve("vehicles"), 0, 0, DECODER);
    assertThat(vehicles.training().classes()).containsExactly("plane", "train");
    assertThat(Datasets.open(folder.resolve("vehicles"), Split.TRAIN, DECODER).size())
        .isEqualTo(10);
    assertThatThrownBy(() -> Datasets.open(folder.resolve("alone"), Split.TEST, DECODER))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("holds no test or val part that is known")
        .hasMessageContaining("split.csv");
    Path list = folder.resolve("all.csv");
    StringBuilder lines = new StringBuilder();
    for (int i = 0; i < 5; i++) {
      lines.append("vehicles/train/" + i + ".png,10\nvehicles/plane/" + i + ".png,9\n");
    }
    Files.writeString(list, lines);
    Parts listed = Datasets.parts(list, 0, 0, DECODER);
    assertThat(listed.training().classes()).containsExactly("9", "10");
    assertThat(counts(listed.test())).containsExactly(1, 1);
  }

  /** A folder for training and a list for testing need not have one order. */
  @Test
  void testClassesAreMatchedByName() throws IOException {
    for (String name : List.of("train/10", "train/9", "train/x")) {
      put(name + "/1.png", name.hashCode());
    }
    Dataset training = FileDataset.folders(folder.resolve("train"), DECODER);
    assertThat(training.classes()).containsExactly("10", "9", "x");
    Path list = folder.resolve("other.csv");
    Files.writeString(list, "train/x/1.png,x\ntrain/9/1.png,9\ntrain/10/1.png,10\n");
    Dataset test = FileDataset.list(list, List.of("x", "9", "10"), DECODER);
    Parts parts = Parts.of(training, test);
    assertThat(parts.test().classes()).isEqualTo(training.classes());
    assertThat(parts.test().label(0)).isEqualTo(2);
    Files.writeString(list, "train/x/1.png,x\ntrain/9/1.png,9\ntrain/10/1.png,owl\n");
    assertThatThrownBy(() -> Parts.of(training, FileDataset.list(list, DECODER)))
        .isInstanceOf(DataException.class)
        .hasMessageEndingWith("other.csv has no '10'; give both the same");
  }
}
