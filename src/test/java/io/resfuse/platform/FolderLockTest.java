package io.resfuse.platform;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.resfuse.ChildJvm;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FolderLockTest {
  @TempDir Path folder;

  private Path lock() {
    return folder.resolve(".lock");
  }

  private String asked() throws Exception {
    try (ChildJvm child = ChildJvm.start(FolderUser.class, "try", lock())) {
      return child.output().strip();
    }
  }

  @Test
  void keepsThreadsApart() throws Exception {
    AtomicInteger inside = new AtomicInteger();
    ExecutorService threads = Executors.newFixedThreadPool(4);
    List<Future<Integer>> most = new ArrayList<>();
    for (int i = 0; i < 50; i++) {
      most.add(
          threads.submit(
              () -> {
                try (FolderLock held = FolderLock.acquire(lock())) {
                  assertThat(held.file()).exists();
                  int now = inside.incrementAndGet();
                  Thread.sleep(1);
                  inside.decrementAndGet();
                  return now;
                }
              }));
    }
    for (Future<Integer> each : most) {
      assertThat(each.get()).isEqualTo(1);
    }
    threads.shutdown();
  }

  /** A lock of the system ends when the process closes any channel of the file. */
  @Test
  void holdsAgainstOtherProcessesThoughOtherThreadsAskForIt() throws Exception {
    try (FolderLock held = FolderLock.tryAcquire(lock())) {
      assertThat(held).isNotNull();
      assertThat(FolderLock.tryAcquire(lock())).isNull();
      assertThat(FolderLock.tryAcquire(folder.resolve("../" + folder.getFileName() + "/.lock")))
          .isNull();
      assertThat(asked()).isEqualTo("taken");
    }
    assertThat(asked()).isEqualTo("free");
  }

  @Test
  void endsWithItsProcess() throws Exception {
    try (ChildJvm child = ChildJvm.start(FolderUser.class, "lock", lock())) {
      child.awaitLine("held");
      assertThat(FolderLock.tryAcquire(lock())).isNull();
    }
    try (FolderLock held = FolderLock.acquire(lock())) {
      assertThat(held.file()).isEqualTo(lock().toRealPath());
    }
  }

  @Test
  void waitingCanBeInterrupted() throws Exception {
    try (FolderLock held = FolderLock.acquire(lock())) {
      assertThat(held).isNotNull();
      assertInterrupted();
    }
    try (ChildJvm child = ChildJvm.start(FolderUser.class, "lock", lock())) {
      child.awaitLine("held");
      assertInterrupted();
    }
    FolderLock.acquire(lock()).close();
  }

  private void assertInterrupted() throws Exception {
    ExecutorService waiting = Executors.newSingleThreadExecutor();
    Future<Boolean> flag =
        waiting.submit(
            () -> {
              assertThatThrownBy(() -> FolderLock.acquire(lock()))
                  .isInstanceOf(InterruptedIOException.class)
                  .hasMessageContaining("interrupted while waiting for the lock");
              return Thread.currentThread().isInterrupted();
            });
    Thread.sleep(100);
    waiting.shutdownNow();
    assertThat(flag.get()).as("the thread stays interrupted").isTrue();
  }

  private String modeIn(String modeOfFolder) throws IOException {
    Path shared = Files.createDirectory(folder.resolve(modeOfFolder));
    Files.setPosixFilePermissions(shared, PosixFilePermissions.fromString(modeOfFolder));
    FolderLock.acquire(shared.resolve(".lock")).close();
    return PosixFilePermissions.toString(Files.getPosixFilePermissions(shared.resolve(".lock")));
  }

  @Test
  void whoMayWriteToTheFolderMayTakeIt() throws IOException {
    assertThat(modeIn("rwxrwxr-x")).matches("rw-rw-r--|rw-rw----");
    assertThat(modeIn("rwxrwxrwx")).isEqualTo("rw-rw-rw-");
    assertThat(modeIn("rwxr-xr-x")).matches("rw-[r-]--[r-]--");
    assertThat(modeIn("rwx------")).matches("rw-[r-]--[r-]--");
  }

  /** With the mode that other users see: the tests' own user is root where this runs. */
  @Test
  void anotherUserCanTakeIt() throws Exception {
    assumeTrue(
        System.getProperty("user.name").equals("root") && Files.exists(Path.of("/usr/bin/setpriv")),
        "only root can become another user");
    Path root =
        Path.of(FolderUser.class.getProtectionDomain().getCodeSource().getLocation().toURI());
    Path classes = folder.resolve("classes/io/resfuse/platform");
    Files.createDirectories(classes);
    for (Path from : List.of(root, root.resolveSibling("classes"))) {
      try (Stream<Path> files = Files.list(from.resolve("io/resfuse/platform"))) {
        for (Path file : files.toList()) {
          Files.copy(file, classes.resolve(file.getFileName()));
        }
      }
    }
    Files.setPosixFilePermissions(folder, PosixFilePermissions.fromString("rwxrwxrwx"));
    FolderLock.acquire(lock()).close();
    String java = Path.of(System.getProperty("java.home"), "bin", "java").toString();
    ProcessBuilder other =
        new ProcessBuilder(
                "setpriv",
                "--reuid=65534",
                "--regid=65534",
                "--clear-groups",
                java,
                "-cp",
                folder.resolve("classes").toString(),
                FolderUser.class.getName(),
                "try",
                lock().toString())
            .redirectErrorStream(true);
    try (ChildJvm child = ChildJvm.start(other)) {
      assertThat(child.output().strip()).isEqualTo("free");
    }
  }
}
