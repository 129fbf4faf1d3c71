package io.resfuse.platform;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIOException;

import java.io.IOException;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class NativeFilesTest {
  private static final String FILE = "libthing.so.1";

  @TempDir Path temporary;

  private Path root;

  @BeforeEach
  void createRoot() throws IOException {
    root = OwnFolder.make(temporary.resolve("natives"));
  }

  private URL resource(byte[] content) throws IOException {
    return Files.write(temporary.resolve(FILE), content).toUri().toURL();
  }

  private URL inJar(byte[] content) throws IOException {
    Path jar = temporary.resolve("natives.jar");
    try (JarOutputStream out = new JarOutputStream(Files.newOutputStream(jar))) {
      out.putNextEntry(new JarEntry("lib/" + FILE));
      out.write(content);
    }
    return new URL("jar:" + jar.toUri() + "!/lib/" + FILE);
  }

  private static Object key(Path file) throws IOException {
    return Files.readAttributes(file, BasicFileAttributes.class).fileKey();
  }

  @Test
  void unpacksOnce() throws IOException {
    byte[] content = {1, 2, 3};
    Path file = NativeFiles.unpack(resource(content), root);
    assertThat(file).hasBinaryContent(content).hasFileName(FILE);
    Object key = key(file);
    assertThat(NativeFiles.unpack(inJar(content), root)).isEqualTo(file);
    assertThat(key(file)).isEqualTo(key);
    // Another version lives beside it.
    assertThat(NativeFiles.unpack(resource(new byte[] {4}), root)).isNotEqualTo(file);
  }

  /** A disk that was full, a power cut, somebody who tried things out. */
  @Test
  void repairs() throws IOException {
    byte[] content = {1, 2, 3};
    Path file = NativeFiles.unpack(inJar(content), root);
    FileTime time = Files.getLastModifiedTime(file);
    Files.write(file, new byte[] {1, 2});
    Files.setLastModifiedTime(file, time);
    assertThat(NativeFiles.unpack(inJar(content), root)).hasBinaryContent(content);
    Files.write(file, new byte[] {1, 2, 9});
    assertThat(NativeFiles.unpack(inJar(content), root)).hasBinaryContent(content);
    Files.delete(file);
    Path other = Files.write(temporary.resolve("other"), new byte[] {7, 8, 9});
    Files.setLastModifiedTime(other, time);
    Files.createSymbolicLink(file, other);
    assertThat(NativeFiles.unpack(inJar(content), root)).isRegularFile().hasBinaryContent(content);
    assertThat(Files.isSymbolicLink(file)).isFalse();
    assertThat(other).hasBinaryContent(new byte[] {7, 8, 9});
  }

  /** What a process that was killed leaves: its file beside the place, or one not yet checked. */
  @Test
  void goesOnAfterAKill() throws IOException {
    byte[] content = {1, 2, 3};
    Path file = NativeFiles.unpack(resource(content), root);
    FileTime checked = Files.getLastModifiedTime(file);
    Files.write(file, content);
    Path left =
        Files.write(
            file.resolveSibling("." + FILE + "." + UUID.randomUUID() + ".tmp"), new byte[] {1});
    assertThat(NativeFiles.unpack(resource(content), root)).hasBinaryContent(content);
    assertThat(Files.getLastModifiedTime(file)).isEqualTo(checked);
    assertThat(left).doesNotExist();
  }

  @Test
  void takesTheFirstSafePlace() throws IOException {
    Path blocked = Files.createFile(temporary.resolve("blocked"));
    Path good = temporary.toRealPath().resolve("good");
    assertThat(NativeFiles.first(List.of(blocked, good))).isEqualTo(good.resolve("natives"));
    assertThatIOException()
        .isThrownBy(() -> NativeFiles.first(List.of(blocked, blocked)))
        .withMessageStartingWith("native libraries cannot be unpacked: " + blocked + " is not");
  }

  @Test
  void manyAtOnce() throws Exception {
    byte[] content = new byte[100_000];
    content[77_777] = 5;
    URL resource = resource(content);
    ExecutorService threads = Executors.newFixedThreadPool(8);
    try {
      List<Callable<Path>> calls = new ArrayList<>();
      for (int i = 0; i < 16; i++) {
        calls.add(() -> NativeFiles.unpack(resource, root));
      }
      for (Future<Path> file : threads.invokeAll(calls)) {
        assertThat(file.get()).hasBinaryContent(content);
      }
    } finally {
      threads.shutdown();
    }
  }

  /** As glibc says it where the address space is limited, and where a library is missing. */
  @Test
  void aLackOfMemoryIsNoLackOfLibraries() {
    for (String problem :
        List.of(
            "libdnnl.so.3: failed to map segment from shared object",
            "libdnnl.so.3: cannot create shared object descriptor: Cannot allocate memory")) {
      assertThat(NativeFiles.remedy(problem, "add it"))
          .isEqualTo("memory is short; raise this process's limit if it has one (ulimit -v)");
    }
    assertThat(
            NativeFiles.remedy(
                "libdnnl.so.3: cannot open shared object file: No such file or directory",
                "add it"))
        .isEqualTo("add it");
  }
}
