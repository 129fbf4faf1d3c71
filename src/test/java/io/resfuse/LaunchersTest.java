package io.resfuse;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/** The launcher for Windows, which nobody ran yet, does what that for Unix does. */
class LaunchersTest {
  private static final Pattern JVM_OPTION = Pattern.compile("-XX?:[+-]?[A-Za-z0-9]+(=\\d+)?");

  @Test
  void giveTheJvmTheSameOptions() throws IOException {
    Set<String> unix = options("resfuse");
    assertThat(unix).hasSizeGreaterThan(5).contains("-XX:Tier4CompileThreshold=150000");
    assertThat(options("resfuse.cmd")).isEqualTo(unix);
  }

  private static Set<String> options(String launcher) throws IOException {
    return JVM_OPTION
        .matcher(Files.readString(Path.of(launcher)))
        .results()
        .map(MatchResult::group)
        .filter(option -> !option.startsWith("-XX:TieredStopAtLevel")) // Maven's
        .collect(Collectors.toSet());
  }
}
