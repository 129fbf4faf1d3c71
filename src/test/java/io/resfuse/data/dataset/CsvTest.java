package io.resfuse.data.dataset;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.resfuse.data.DataException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/** Lists of any fields and of any bytes, drawn at random. */
class CsvTest {
  private static final String CHARACTERS = "a,\"\n\r\t \u00fc\u4e2d";
  private static final int[] BYTES = {
    0, '"', ',', '\n', '\r', 'a', 0xc3, 0xbc, 0xef, 0xbb, 0xbf, 0xfe, 0xff, 0xd8
  };

  @Test
  void quotedFieldsComeBack() {
    Random random = new Random(1);
    for (int i = 0; i < 2000; i++) {
      List<List<String>> lines = new ArrayList<>();
      for (int line = random.nextInt(5); line > 0; line--) {
        List<String> fields = new ArrayList<>();
        for (int field = random.nextInt(4); field >= 0; field--) {
          StringBuilder text = new StringBuilder();
          for (int c = random.nextInt(6); c > 0; c--) {
            text.append(CHARACTERS.charAt(random.nextInt(CHARACTERS.length())));
          }
          fields.add(text.toString());
        }
        lines.add(fields);
      }
      String end = random.nextBoolean() ? "\n" : "\r\n";
      String text =
          lines.stream()
              .map(line -> line.stream().map(Csv::quoted).collect(Collectors.joining(",")) + end)
              .collect(Collectors.joining());
      assertThat(
              Csv.parse("x", text.getBytes(StandardCharsets.UTF_8)).stream().map(Csv.Line::fields))
          .as(text)
          .containsExactlyElementsOf(lines);
    }
  }

  @Test
  void anyBytesAreLinesOrAnErrorWithALine() {
    Random random = new Random(1);
    int refused = 0;
    for (int i = 0; i < 20_000; i++) {
      byte[] bytes = new byte[random.nextInt(12)];
      for (int at = 0; at < bytes.length; at++) {
        bytes[at] = (byte) BYTES[random.nextInt(BYTES.length)];
      }
      Throwable thrown = catchThrowable(() -> Csv.parse("x", bytes));
      if (thrown != null) {
        refused++;
        assertThat(thrown).isInstanceOf(DataException.class).hasMessageMatching("x:[0-9]+: .*");
      }
    }
    assertThat(refused).isBetween(1000, 19_000);
  }
}
