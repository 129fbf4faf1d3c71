package io.resfuse.platform;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class UninterruptedTest {
  @TempDir Path folder;

  private long size(Path file) throws IOException {
    try (FileChannel channel = FileChannel.open(file)) {
      return channel.size();
    }
  }

  @Test
  void readsInAThreadThatWasInterrupted() throws IOException {
    Path file = Files.write(folder.resolve("file"), new byte[7]);
    Thread.currentThread().interrupt();
    long size = Uninterrupted.read(() -> size(file));
    assertThat(Thread.interrupted()).isTrue();
    assertThat(size).isEqualTo(7);
    Uninterrupted.read(() -> size(file));
    assertThat(Thread.interrupted()).isFalse();
  }

  @Test
  void readsAgainWhenInterruptedMeanwhile() throws IOException {
    Path file = Files.write(folder.resolve("file"), new byte[7]);
    AtomicInteger calls = new AtomicInteger();
    long size =
        Uninterrupted.read(
            () -> {
              if (calls.incrementAndGet() == 1) {
                Thread.currentThread().interrupt();
              }
              return size(file);
            });
    assertThat(Thread.interrupted()).isTrue();
    assertThat(size).isEqualTo(7);
    assertThat(calls).hasValue(2);
  }

  @Test
  void staysInterruptedWhenItFails() {
    Thread.currentThread().interrupt();
    assertThatThrownBy(() -> Uninterrupted.read(() -> size(folder.resolve("none"))))
        .isInstanceOf(NoSuchFileException.class);
    assertThat(Thread.interrupted()).isTrue();
  }
}
