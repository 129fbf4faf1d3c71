package io.resfuse.engine.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import io.resfuse.platform.OperatingSystem;
import io.resfuse.platform.Platform;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class CudaDeviceTest {
  @ParameterizedTest
  @EnumSource(OperatingSystem.class)
  void armHasNoNatives(OperatingSystem system) {
    Platform platform = new Platform(system, "arm64");
    assertThat(CudaDevice.whyNoNatives(platform))
        .hasValueSatisfying(
            reason ->
                assertThat(reason)
                    .doesNotContain("\n")
                    .contains("JCuda has no native libraries for " + platform)
                    .contains("use engine onednn"));
  }

  @Test
  void linuxAndWindowsOnX86HaveThem() {
    assertThat(CudaDevice.whyNoNatives(new Platform(OperatingSystem.LINUX, "x86_64"))).isEmpty();
    assertThat(CudaDevice.whyNoNatives(new Platform(OperatingSystem.WINDOWS, "x86_64"))).isEmpty();
    assertThat(CudaDevice.whyNoNatives(new Platform(OperatingSystem.MACOS, "x86_64"))).isNotEmpty();
  }
}
