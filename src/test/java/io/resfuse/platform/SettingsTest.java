package io.resfuse.platform;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class SettingsTest {
  @Test
  void propertiesAreReadWhenAskedFor() {
    assertThat(Settings.JPEG.value()).isEmpty();
    System.setProperty("resfuse.jpeg", "jdk");
    try {
      assertThat(Settings.JPEG.value()).contains("jdk");
    } finally {
      System.clearProperty("resfuse.jpeg");
    }
  }

  @Test
  void variablesAreThoseOfTheProcess() {
    assertThat(Settings.HOME.value()).isEqualTo(Optional.ofNullable(System.getenv("HOME")));
    assertThat(System.getenv()).containsAllEntriesOf(Settings.environment());
    assertThat(Arrays.stream(Settings.values()).map(Settings::key))
        .containsAll(Settings.environment().keySet());
  }

  @Test
  void namesAreDifferentAndInTheDocuments() throws IOException {
    assertThat(Arrays.stream(Settings.values()).map(Settings::key)).doesNotHaveDuplicates();
    String page = Files.readString(Path.of("docs/platforms.md"));
    for (Settings setting : Settings.values()) {
      assertThat(page).contains("`" + setting.key() + "`");
    }
  }
}
