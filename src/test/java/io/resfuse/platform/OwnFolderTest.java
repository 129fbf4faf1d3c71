package io.resfuse.platform;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIOException;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class OwnFolderTest {
  /** A user who is not there, and who is nobody's group. */
  private static final int STRANGER = 54321;

  @TempDir Path temporary;

  private Path top;

  @BeforeEach
  void needsNumbers() throws IOException {
    assumeTrue(
        FileSystems.getDefault().supportedFileAttributeViews().contains("unix"),
        "this system has no numbers of users and modes of files");
    top = temporary.toRealPath();
  }

  private static Path mode(Path path, String permissions) throws IOException {
    return Files.setPosixFilePermissions(path, PosixFilePermissions.fromString(permissions));
  }

  /** Changes an owner or a group, which only root may. */
  private static void give(Path path, String attribute) {
    try {
      Files.setAttribute(path, attribute, STRANGER, LinkOption.NOFOLLOW_LINKS);
    } catch (IOException e) {
      assumeTrue(false, "only root can give files away: " + e);
    }
  }

  @Test
  void whatItMakesIsForThisUserOnly() throws IOException {
    Path made = OwnFolder.make(top.resolve("a/../b/c"));
    assertThat(made).isEqualTo(top.resolve("b/c"));
    for (Path each : new Path[] {made, made.getParent()}) {
      assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(each)))
          .isEqualTo("rwx------");
    }
    assertThat(OwnFolder.make(made)).isEqualTo(made);
  }

  @Test
  void followsLinksOfThisUser() throws IOException {
    Path real = Files.createDirectory(top.resolve("real"));
    Path link = Files.createSymbolicLink(top.resolve("link"), real);
    assertThat(OwnFolder.make(link.resolve("a"))).isEqualTo(real.resolve("a"));
    assertThat(OwnFolder.make(link)).isEqualTo(real);
    give(link, "unix:uid");
    assertThatIOException()
        .isThrownBy(() -> OwnFolder.make(link))
        .withMessageContaining(link + " belongs to another user (number 54321)");
  }

  @Test
  void everybodyMayNotWrite() throws IOException {
    Path open = mode(OwnFolder.make(top.resolve("open")), "rwxrwxrwx");
    for (Path folder : new Path[] {open, open.resolve("below")}) {
      assertThatIOException()
          .isThrownBy(() -> OwnFolder.make(folder))
          .withMessage(
              open
                  + " can be written by everybody (mode 777), so code is not loaded from there;"
                  + " chmod go-w it, or set RESFUSE_CACHE to a folder of your own");
    }
    // As /tmp is: what is in there cannot be renamed by others, but others can make what is not.
    Files.setAttribute(open, "unix:mode", 01777);
    assertThat(OwnFolder.make(open.resolve("below"))).isDirectory();
    assertThatIOException()
        .isThrownBy(() -> OwnFolder.make(open))
        .withMessageContaining("(mode 1777)");
  }

  @Test
  void aGroupMayNotWriteUnlessItIsTheOwnersOwn() throws IOException {
    Path shared = mode(OwnFolder.make(top.resolve("shared")), "rwxrwx---");
    give(shared, "unix:gid");
    assertThatIOException()
        .isThrownBy(() -> OwnFolder.make(shared.resolve("below")))
        .withMessageContaining(shared + " can be written by group number 54321 (mode 770)");
    Files.setAttribute(shared, "unix:gid", Files.getAttribute(shared, "unix:uid"));
    assertThat(OwnFolder.make(shared)).isEqualTo(shared);
  }

  @Test
  void itBelongsToNobodyElse() throws IOException {
    Path theirs = OwnFolder.make(top.resolve("theirs"));
    give(theirs, "unix:uid");
    for (Path folder : new Path[] {theirs, theirs.resolve("below")}) {
      assertThatIOException()
          .isThrownBy(() -> OwnFolder.make(folder))
          .withMessage(
              theirs
                  + " belongs to another user (number 54321), so code is not loaded from there;"
                  + " set RESFUSE_CACHE to a folder of your own");
    }
    assertThat(theirs).isEmptyDirectory();
  }

  @Test
  void aFileIsNoFolder() throws IOException {
    Path file = Files.createFile(top.resolve("file"));
    assertThatIOException()
        .isThrownBy(() -> OwnFolder.make(file))
        .withMessage(file + " is not a folder");
  }
}
