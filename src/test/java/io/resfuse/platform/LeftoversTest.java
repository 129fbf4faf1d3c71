package io.resfuse.platform;

import static org.assertj.core.api.Assertions.assertThat;

import io.resfuse.ChildJvm;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.UUID;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a killed process leaves goes at the next start; what a living one has stays. */
class LeftoversTest {
  @TempDir Path folder;

  @Test
  void ofAFileHalfWritten() throws Exception {
    Path target = folder.resolve("metrics.jsonl");
    try (ChildJvm child = ChildJvm.start(FolderUser.class, "file", target)) {
      child.awaitLine("held");
      assertThat(names()).singleElement().asString().endsWith(".tmp");
      WholeFile.removeLeftovers(folder);
      assertThat(names()).as("a living process writes it").hasSize(1);
    }
    assertThat(names()).hasSize(1);
    // Another file of the same folder: what is written there first looks through it.
    WholeFile.write(folder.resolve("other"), new byte[1]);
    assertThat(names()).containsExactly("other");
  }

  @Test
  void ofThisProcessAreLeftAlone() throws IOException {
    WholeFile.write(
        folder.resolve("file"),
        channel -> {
          WholeFile.removeLeftovers(folder);
          assertThat(names()).singleElement().asString().endsWith(".tmp");
        });
    assertThat(names()).containsExactly("file");
  }

  @Test
  void filesOfOthersAreLeftAlone() throws IOException {
    List<String> others =
        List.of(".hidden.tmp", "a." + UUID.randomUUID() + ".tmp", ".a." + UUID.randomUUID());
    for (String name : others) {
      Files.createFile(folder.resolve(name));
    }
    Path elsewhere = Files.createFile(folder.resolve("elsewhere"));
    String link = ".a." + UUID.randomUUID() + ".tmp";
    Files.createSymbolicLink(folder.resolve(link), elsewhere);
    WholeFile.removeLeftovers(folder);
    assertThat(names()).containsAll(others).contains("elsewhere", link);
  }

  @Test
  void ofAWorkFolder() throws Exception {
    try (ChildJvm child = ChildJvm.start(FolderUser.class, "work", folder)) {
      child.awaitLine("held");
      try (WorkFolder mine = WorkFolder.in(folder, "work-")) {
        assertThat(names()).hasSize(2).contains(mine.path().getFileName().toString());
      }
      assertThat(names()).as("a living process works in it").hasSize(1);
    }
    try (WorkFolder mine = WorkFolder.in(folder, "work-")) {
      assertThat(names()).containsExactly(mine.path().getFileName().toString());
      Files.createDirectories(mine.path().resolve("deep/deeper"));
    }
    assertThat(names()).isEmpty();
  }

  private List<String> names() throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.map(file -> file.getFileName().toString()).toList();
    }
  }
}
