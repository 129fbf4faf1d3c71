package io.resfuse.spark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.resfuse.data.DataException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.apache.spark.sql.RowFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SpooledRowsTest {
  private static final List<String> CLASSES = List.of("boot", "bag");

  @TempDir Path folder;

  private static byte[] picture(Path folder, int i) throws IOException {
    return Files.readAllBytes(folder.resolve(String.format("%05d.png", i)));
  }

  /** Row i has the order 20 - 3 i, which begins positive and becomes negative. */
  private List<byte[]> rows(boolean ordered) throws IOException {
    ResFuseTransformerTest.writePictures(folder.resolve("pictures"), 12);
    RowBytes bytes = new RowBytes(CLASSES, true, ordered);
    List<byte[]> rows = new ArrayList<>();
    for (int i = 0; i < 12; i++) {
      rows.add(
          bytes.call(
              RowFactory.create(
                  picture(folder.resolve("pictures"), i),
                  CLASSES.get(i % 2),
                  i % 3 == 0,
                  20 - 3L * i)));
    }
    return rows;
  }

  private SpooledRows write(List<byte[]> rows, String name) {
    return SpooledRows.write(rows.iterator(), CLASSES, null, folder.resolve(name), 1 << 20);
  }

  @Test
  void theOrderIsThatOfTheColumn() throws IOException {
    List<byte[]> rows = rows(true);
    Collections.shuffle(rows, new Random(1));
    try (SpooledRows spooled = write(rows, "rows")) {
      assertThat(spooled.size()).isEqualTo(12);
      // The last row has the smallest number.
      assertThat(IntStream.range(0, 12).map(spooled::label).toArray())
          .containsExactly(1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0);
      assertThat(spooled.part(true).size()).isEqualTo(4);
      assertThat(spooled.part(false).size()).isEqualTo(8);
      assertThat(spooled.image(11).width()).isEqualTo(28);
    }
  }

  @Test
  void withoutAColumnTheOrderDoesNotDependOnHowRowsCome() throws IOException {
    List<byte[]> rows = rows(false);
    try (SpooledRows one = write(rows, "one")) {
      Collections.shuffle(rows, new Random(2));
      try (SpooledRows other = write(rows, "other")) {
        assertThat(other.fingerprint()).isEqualTo(one.fingerprint()).startsWith("12 rows ");
        for (int i = 0; i < 12; i++) {
          assertThat(other.label(i)).isEqualTo(one.label(i));
          assertThat(other.image(i).pixels()).isEqualTo(one.image(i).pixels());
        }
      }
      try (SpooledRows fewer = write(rows.subList(0, 11), "fewer")) {
        assertThat(fewer.fingerprint()).isNotEqualTo(one.fingerprint());
      }
    }
  }

  @Test
  void refusesWhatCannotBe() throws IOException {
    List<byte[]> rows = rows(false);
    assertThatThrownBy(
            () -> SpooledRows.write(rows.iterator(), CLASSES, null, folder.resolve("small"), 200))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("larger spoolMiB");
    assertThatThrownBy(() -> write(List.of(), "none"))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("there are no rows");
    RowBytes bytes = new RowBytes(CLASSES, false, false);
    assertThatThrownBy(() -> bytes.call(RowFactory.create("a.png", "hat")))
        .hasMessageContaining("label 'hat' is none of the classes");
    assertThatThrownBy(() -> bytes.call(RowFactory.create("a.png", null)))
        .hasMessageContaining("a row has no label");
  }
}
