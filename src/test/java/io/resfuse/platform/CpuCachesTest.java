package io.resfuse.platform;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class CpuCachesTest {
  @TempDir private Path folder;

  @AfterEach
  void clear() {
    System.clearProperty(Settings.CPU_CACHES.key());
  }

  @Test
  void theSettingDecides() {
    CpuCaches found = CpuCaches.here();
    System.setProperty(Settings.CPU_CACHES.key(), "32K, 1m,16777216");
    assertThat(CpuCaches.here()).isEqualTo(new CpuCaches(32 << 10, 1 << 20, 16 << 20));
    System.setProperty(Settings.CPU_CACHES.key(), "48K,512K");
    assertThat(CpuCaches.here()).isEqualTo(new CpuCaches(48 << 10, 512 << 10, 0));
    System.clearProperty(Settings.CPU_CACHES.key());
    assertThat(CpuCaches.here()).isEqualTo(found);
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "1M", "32K,1M,16M,1G", "32K,,16M", "32K,-1M", "32 KiB,1M", "32K,1MB"})
  void whatIsNoSettingIsNamed(String text) {
    System.setProperty(Settings.CPU_CACHES.key(), text);
    assertThatThrownBy(CpuCaches::here)
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "resfuse.cpu.caches is '"
                + text
                + "': give the sizes of the first, second and third level, as 32K,1M,16M");
  }

  @Test
  void noCacheIsOfNoBytes() {
    assertThatThrownBy(() -> CpuCaches.parse("0,1M"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("caches of 0, 1048576 and 0 bytes");
  }

  private void cache(int index, String level, String type, String size, String cpus)
      throws IOException {
    Path cache = Files.createDirectories(folder.resolve("index" + index));
    Files.writeString(cache.resolve("level"), level + "\n");
    Files.writeString(cache.resolve("type"), type + "\n");
    Files.writeString(cache.resolve("size"), size + "\n");
    Files.writeString(cache.resolve("shared_cpu_list"), cpus + "\n");
  }

  /** Two hyperthreads share a core's, eight CPUs the third level. */
  @Test
  void linuxTellsInFiles() throws IOException {
    cache(0, "1", "Data", "48K", "0,8");
    cache(1, "1", "Instruction", "32K", "0,8");
    cache(2, "2", "Unified", "2048K", "0,8");
    cache(3, "3", "Unified", "32768K", "0-3,8-11");
    assertThat(CpuCaches.read(folder)).contains(new CpuCaches(24 << 10, 1 << 20, 4 << 20));
  }

  /** A virtual machine of two CPUs is told of the third level of all the CPUs that it runs on. */
  @Test
  void nobodyHasAWholeProcessorsCacheForItself() throws IOException {
    cache(0, "1", "Data", "48K", "0");
    cache(2, "2", "Unified", "2048K", "0");
    cache(3, "3", "Unified", "307200K", "0-1");
    assertThat(CpuCaches.read(folder)).contains(new CpuCaches(48 << 10, 2 << 20, 16 << 20));
  }

  @Test
  void linuxMayNotTell() throws IOException {
    assertThat(CpuCaches.read(folder.resolve("nowhere"))).isEmpty();
    assertThat(CpuCaches.read(folder)).isEmpty();
    cache(0, "1", "Data", "48K", "0");
    assertThat(CpuCaches.read(folder)).isEmpty();
    cache(1, "2", "Unified", "1024K", "0");
    assertThat(CpuCaches.read(folder)).contains(new CpuCaches(48 << 10, 1 << 20, 0));
    cache(1, "2", "Unified", "1024K", "?");
    assertThat(CpuCaches.read(folder)).isEmpty();
    Files.delete(folder.resolve("index0/size"));
    assertThat(CpuCaches.read(folder)).isEmpty();
  }

  @Test
  void macOsTellsInLines() {
    assertThat(
            CpuCaches.ofSysctl(
                List.of(
                    "hw.l1dcachesize: 32768",
                    "hw.l2cachesize: 262144",
                    "hw.l3cachesize: 12582912",
                    "hw.logicalcpu: 12")))
        .contains(new CpuCaches(32 << 10, 256 << 10, 1 << 20));
    assertThat(CpuCaches.ofSysctl(List.of("hw.l1dcachesize: 65536", "hw.l2cachesize: 4194304")))
        .contains(new CpuCaches(64 << 10, 4 << 20, 0));
    assertThat(CpuCaches.ofSysctl(List.of("unknown oid"))).isEmpty();
  }

  @Test
  void peopleReadThem() {
    assertThat(new CpuCaches(48 << 10, 1 << 20, 16 << 20)).hasToString("48 KiB, 1 MiB and 16 MiB");
    assertThat(new CpuCaches(1000, 1536 << 10, 0)).hasToString("1000 bytes and 1536 KiB");
  }
}
