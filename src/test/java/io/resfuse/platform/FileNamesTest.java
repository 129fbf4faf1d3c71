package io.resfuse.platform;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** In the locale that the tests run in; {@code LocaleTest} runs commands in another. */
class FileNamesTest {
  @TempDir private Path folder;

  /** A file whose name is Latin-1. */
  private Path latin1() throws IOException {
    assumeTrue(OperatingSystem.current() == OperatingSystem.LINUX, "names are bytes on Linux");
    return Files.createFile(Path.of(URI.create(folder.toUri() + "b%FCcher.png")));
  }

  @Test
  void namesThatAreNoTextAreShownAndFoundAgain() throws IOException {
    Path file = latin1();
    assertThat(FileNames.text(file)).isEqualTo(folder + "/b\uFFFDcher.png");
    assertThat(FileNames.text(file.getFileName())).isEqualTo("b\uFFFDcher.png");
    assertThat(FileNames.path(FileNames.text(file))).isEqualTo(file);
    assertThat(FileNames.in(folder, "b\uFFFDcher.png")).isEqualTo(file);
    assertThat(FileNames.lasting(file)).isEqualTo(folder.toUri() + "b%FCcher.png");
    assertThat(FileNames.path(FileNames.lasting(file))).isEqualTo(file);
    Files.createFile(Path.of(URI.create(folder.toUri() + "b%FDcher.png")));
    assertThatThrownBy(() -> FileNames.in(folder, "b\uFFFDcher.png"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("LC_ALL=C.UTF-8");
  }

  @Test
  void bytesMayBeChangedAsText() throws IOException {
    Path name = latin1().getFileName();
    assertThat(FileNames.raw(name)).isEqualTo("b%FCcher.png");
    Path target = folder.resolve(FileNames.ofRaw("b%FCcher.classes.png"));
    Files.createFile(target);
    assertThat(target.toUri().toString()).endsWith("/b%FCcher.classes.png");
    assertThat(FileNames.ofRaw(FileNames.raw(Path.of("a b/50% c"))))
        .isEqualTo(Path.of("a b/50% c"));
  }

  @Test
  void usualNamesStayAsTheyAre() {
    assertThat(FileNames.path("a/b.png")).isEqualTo(Path.of("a/b.png"));
    assertThat(FileNames.text(Path.of("a/b.png")))
        .isEqualTo("a" + java.io.File.separator + "b.png");
    assertThat(FileNames.lasting(folder)).isEqualTo(folder.toAbsolutePath().toString());
    assertThatThrownBy(() -> FileNames.path("a\0b"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("'a\\u0000b': no file can be called so, it has a NUL character");
    assertThatThrownBy(() -> FileNames.path("file:///%zz"))
        .hasMessageContaining("is no URI of a file");
  }
}
