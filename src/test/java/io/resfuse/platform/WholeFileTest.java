package io.resfuse.platform;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIOException;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class WholeFileTest {
  @TempDir Path folder;

  @Test
  void replacesFilesAndWhatLinksPointTo() throws IOException {
    Path file = folder.resolve("file");
    WholeFile.write(file, new byte[] {1, 2});
    assertThat(file).hasBinaryContent(new byte[] {1, 2});
    Path link = Files.createSymbolicLink(folder.resolve("link"), file);
    WholeFile.write(link, new byte[] {3});
    assertThat(link).isSymbolicLink();
    assertThat(file).hasBinaryContent(new byte[] {3});
    assertThat(names()).containsExactlyInAnyOrder("file", "link");
  }

  @Test
  void leavesNothingBehindWhenTheBodyFails() throws IOException {
    Path file = Files.writeString(folder.resolve("file"), "old");
    assertThatIOException()
        .isThrownBy(
            () ->
                WholeFile.write(
                    file,
                    channel -> {
                      channel.write(ByteBuffer.wrap(new byte[10]));
                      throw new IOException("broken");
                    }))
        .withMessage("broken");
    assertThat(file).hasContent("old");
    assertThat(names()).containsExactly("file");
  }

  @Test
  void leavesNothingBehindWhenTheMoveFails() throws IOException {
    Path target = Files.createDirectories(folder.resolve("full/inner")).getParent();
    assertThatIOException().isThrownBy(() -> WholeFile.write(target, new byte[1]));
    assertThat(names()).containsExactly("full");
  }

  @Test
  void triesAgainWhereAFileIsHeldForAMoment() throws IOException {
    int[] calls = {0};
    WholeFile.patiently(
        3,
        () -> {
          if (++calls[0] < 3) {
            throw new AccessDeniedException("held");
          }
        });
    assertThat(calls[0]).isEqualTo(3);
  }

  @Test
  void givesUpInTheEnd() {
    int[] calls = {0};
    assertThatIOException()
        .isThrownBy(
            () ->
                WholeFile.patiently(
                    2,
                    () -> {
                      calls[0]++;
                      throw new AccessDeniedException("held");
                    }))
        .withMessage("held");
    assertThat(calls[0]).isEqualTo(2);
  }

  private Stream<String> names() throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.map(file -> file.getFileName().toString()).toList().stream();
    }
  }
}
