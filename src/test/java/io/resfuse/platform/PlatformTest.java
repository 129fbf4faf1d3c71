package io.resfuse.platform;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PlatformTest {
  @ParameterizedTest
  @CsvSource({
    "Linux, amd64, linux-x86_64",
    "Linux, aarch64, linux-arm64",
    "Linux, riscv64, linux-riscv64",
    "Mac OS X, aarch64, macosx-arm64",
    "Mac OS X, x86_64, macosx-x86_64",
    "Windows 11, amd64, windows-x86_64",
    "Windows Server 2022, amd64, windows-x86_64",
    "FreeBSD, amd64, unix-x86_64",
  })
  void isNamedAsNativeLibrariesAre(String osName, String osArch, String classifier) {
    assertThat(Platform.of(osName, osArch)).hasToString(classifier);
  }

  @Test
  void onlyWindowsHoldsMappedFiles() {
    for (OperatingSystem system : OperatingSystem.values()) {
      assertThat(system.letsGoOfMappedFiles()).isEqualTo(system != OperatingSystem.WINDOWS);
    }
  }
}
