package io.resfuse.weights;

import static org.assertj.core.api.Assertions.assertThat;

import io.resfuse.platform.OperatingSystem;
import org.junit.jupiter.api.Test;

class NpmClientTest {
  @Test
  void npmIsABatchFileOnWindows() {
    assertThat(NpmClient.command(OperatingSystem.WINDOWS)).isEqualTo("npm.cmd");
    assertThat(NpmClient.command(OperatingSystem.LINUX)).isEqualTo("npm");
    assertThat(NpmClient.command(OperatingSystem.MACOS)).isEqualTo("npm");
  }
}
