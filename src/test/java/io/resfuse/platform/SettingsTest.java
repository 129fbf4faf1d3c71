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
    assertThat(Settings.CUDA_SYNC.value()).isEmpty();
    System.setProperty(Settings.CUDA_SYNC.key(), "true");
    try {
      assertThat(Settings.CUDA_SYNC.value()).contains("true");
    } finally {
      System.clearProperty(Settings.CUDA_SYNC.key());
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
