package io.resfuse.platform;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import org.junit.jupiter.api.Test;

class PrintableTest {
  @Test
  void showsWhatCommandsATerminal() {
    assertThat(Printable.of("a\u001b[2Jb\nc\rd\te\u0000\u007f\u009bf"))
        .isEqualTo("a\\u001b[2Jb\\u000ac\\u000dd\\u0009e\\u0000\\u007f\\u009bf");
    assertThat(Printable.of("x\u202egnp.exe\u2066\u2028\u200f"))
        .isEqualTo("x\\u202egnp.exe\\u2066\\u2028\\u200f");
  }

  @Test
  void leavesTextAlone() {
    String text = "b\u00fccher \\ \ud83d\ude00 \u4e2d\u6587 \u00a0.png";
    assertThat(Printable.of(text)).isSameAs(text);
    assertThat(Printable.lines(text)).isSameAs(text);
  }

  @Test
  void linesKeepTheirEnds() {
    assertThat(Printable.lines("a\tb\nc\r\nd\re\u001b")).isEqualTo("a\tb\nc\r\nd\\u000de\\u001b");
  }

  @Test
  void furtherLinesOfMessagesAreIndented() {
    assertThat(Printable.message("2 mistakes:\n  a\n  b\nresfuse: all is well\r\nx\u001b"))
        .isEqualTo("2 mistakes:\n  a\n  b\\u000aresfuse: all is well\\u000ax\\u001b");
  }

  @Test
  void isTheSameTextInJson() throws Exception {
    ObjectMapper mapper = new ObjectMapper();
    StringBuilder all = new StringBuilder();
    for (char c = 0; c < 0x2100; c++) {
      all.append(c);
    }
    String line = Printable.lines(mapper.writeValueAsString(all.toString()));
    assertThat(line).isEqualTo(Printable.of(line));
    assertThat(mapper.readValue(line, String.class)).isEqualTo(all.toString());
  }
}
