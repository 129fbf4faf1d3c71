package io.resfuse.data.dataset;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.resfuse.data.DataException;
import io.resfuse.data.image.ImageDecoder;
import java.io.IOException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PictureFilesTest {
  private static final Path PICTURE = Path.of("examples", "fashion-mnist", "bag.png");

  @TempDir private Path folder;

  private Path put(String name) throws IOException {
    Path file = folder.resolve(name);
    Files.createDirectories(file.getParent());
    return Files.copy(PICTURE, file);
  }

  private void link(String name, Path target) throws IOException {
    Path link = folder.resolve(name);
    Files.createDirectories(link.getParent());
    try {
      Files.createSymbolicLink(link, target);
    } catch (FileSystemException | UnsupportedOperationException e) {
      assumeTrue(false, "no symbolic links here: " + e);
    }
  }

  private List<String> found(String name) {
    return assertTimeoutPreemptively(
        Duration.ofSeconds(30),
        () ->
            PictureFiles.in(folder.resolve(name)).stream()
                .map(path -> folder.relativize(path).toString().replace('\\', '/'))
                .toList());
  }

  @Test
  void findsByEndingAndPassesOverWhatIsHidden() throws IOException {
    for (String name :
        List.of(
            "a/z.PNG", "a/photo.jfif", "a/x.txt", "a/.b/hidden.png", "a/.c.png", "a/in/d.webp")) {
      put(name);
    }
    assertThat(found("a")).containsExactly("a/photo.jfif", "a/z.PNG", "a/in/d.webp");
  }

  @Test
  void followsLinks() throws IOException {
    put("real/bag.png");
    put("top/coat.png");
    link("link", folder.resolve("real"));
    link("top/sub", folder.resolve("real"));
    link("top/file.png", folder.resolve("real/bag.png"));
    assertThat(found("link")).containsExactly("link/bag.png");
    assertThat(found("top")).containsExactly("top/coat.png", "top/file.png", "top/sub/bag.png");
  }

  /** One such link made 41 pictures of one, two never came to an end. */
  @Test
  void loopsEnd() throws IOException {
    put("train/a/1.png");
    put("train/b/2.png");
    link("train/a/l1", Path.of("."));
    link("train/a/l2", Path.of("."));
    link("train/a/up", Path.of(".."));
    assertThat(found("train/a")).containsExactly("train/a/1.png", "train/a/up/b/2.png");
    Files.delete(folder.resolve("train/a/up"));
    FileDataset data = FileDataset.folders(folder.resolve("train"), new ImageDecoder());
    assertThat(data.size()).isEqualTo(2);
    assertThat(data.classes()).containsExactly("a", "b");
  }

  @Test
  void saysWhatIsWrong() throws IOException {
    Path file = put("a.png");
    assertThatThrownBy(() -> PictureFiles.in(folder.resolve("none")))
        .isInstanceOf(DataException.class)
        .hasMessage(folder.resolve("none") + ": cannot be read: no such folder");
    assertThatThrownBy(() -> PictureFiles.in(file))
        .isInstanceOf(DataException.class)
        .hasMessage(file + ": is a file; a folder is needed");
  }
}
