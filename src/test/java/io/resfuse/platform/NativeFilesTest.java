package io.resfuse.platform;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class NativeFilesTest {
  @TempDir Path place;

  @Test
  void unpacksOnceAndRepairs() throws IOException {
    byte[] content = {1, 2, 3};
    Path file = NativeFiles.unpack(content, place, "thing", "libthing.so.1");
    assertThat(file).hasBinaryContent(content).hasFileName("libthing.so.1");
    var time = Files.getLastModifiedTime(file);
    assertThat(NativeFiles.unpack(content, place, "thing", "libthing.so.1")).isEqualTo(file);
    assertThat(Files.getLastModifiedTime(file)).isEqualTo(time);
    Files.write(file, new byte[] {9, 9});
    NativeFiles.unpack(content, place, "thing", "libthing.so.1");
    assertThat(file).hasBinaryContent(content);
    // Another version lives beside it.
    assertThat(NativeFiles.unpack(new byte[] {4}, place, "thing", "libthing.so.1"))
        .isNotEqualTo(file);
    try (var left = Files.list(file.getParent())) {
      assertThat(left).containsExactly(file);
    }
  }

  @Test
  void manyAtOnce() throws Exception {
    byte[] content = new byte[100_000];
    content[77_777] = 5;
    ExecutorService threads = Executors.newFixedThreadPool(8);
    try {
      List<Callable<Path>> calls = new ArrayList<>();
      for (int i = 0; i < 16; i++) {
        calls.add(() -> NativeFiles.unpack(content, place, "big", "libbig.so"));
      }
      for (Future<Path> file : threads.invokeAll(calls)) {
        assertThat(file.get()).hasBinaryContent(content);
      }
    } finally {
      threads.shutdown();
    }
  }
}
