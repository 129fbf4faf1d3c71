package io.resfuse.platform;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributeView;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class UnusedNativesTest {
  private final FileTime longAgo =
      FileTime.from(Instant.now().minus(UnusedNatives.UNUSED).minus(Duration.ofDays(1)));
  private final FileTime recently =
      FileTime.from(Instant.now().minus(UnusedNatives.UNUSED).plus(Duration.ofDays(1)));

  @TempDir Path temporary;

  private Path root;

  @BeforeEach
  void createRoot() throws IOException {
    root = OwnFolder.make(temporary.resolve("cache/natives"));
  }

  private URL resource(String content) throws IOException {
    return Files.writeString(temporary.resolve("libthing.so"), content).toUri().toURL();
  }

  private Path lastUsed(String content, FileTime time) throws IOException {
    Path file = NativeFiles.unpack(resource(content), root);
    Files.setLastModifiedTime(UnusedNatives.lock(file), time);
    return file;
  }

  @Test
  void goWhenAnotherVersionComes() throws IOException {
    Path used = lastUsed("second", recently);
    Path inUse = lastUsed("third", recently);
    Path unused = lastUsed("first", longAgo);
    Files.setLastModifiedTime(UnusedNatives.lock(inUse), longAgo);
    try (FolderLock held = FolderLock.acquire(UnusedNatives.lock(inUse))) {
      assertThat(held).isNotNull();
      Path another = NativeFiles.unpack(resource("fourth"), root);
      assertThat(another).hasContent("fourth");
    }
    assertThat(unused.getParent()).doesNotExist();
    assertThat(used).hasContent("second");
    assertThat(inUse).as("somebody is about to load it").hasContent("third");
  }

  @Test
  void useIsNotedAndWhatIsGoneIsUnpackedAgain() throws IOException {
    Path file = lastUsed("first", longAgo);
    assertThat(NativeFiles.unpack(resource("first"), root)).isEqualTo(file);
    UnusedNatives.remove(root);
    assertThat(file).hasContent("first");
    lastUsed("first", longAgo);
    UnusedNatives.remove(root);
    assertThat(file).doesNotExist();
    assertThat(NativeFiles.unpack(resource("first"), root)).hasContent("first");
  }

  @Test
  void thoseOfFormerVersionsGoToo() throws IOException {
    Path old = former("softcuda-8ee537f9d3c989e0", longAgo, longAgo);
    Path read = former("resfuse-cpu-1032558d5da19cec", longAgo, recently);
    Path other = former("resfuse-cpu-mine", longAgo, longAgo);
    NativeFiles.unpack(resource("first"), root);
    assertThat(old).doesNotExist();
    assertThat(read).exists();
    assertThat(other).exists();
  }

  private Path former(String name, FileTime written, FileTime read) throws IOException {
    Path folder = Files.createDirectory(root.resolveSibling(name));
    Path file = Files.writeString(folder.resolve("lib.so"), "x");
    Files.getFileAttributeView(file, BasicFileAttributeView.class).setTimes(written, read, null);
    return folder;
  }
}
