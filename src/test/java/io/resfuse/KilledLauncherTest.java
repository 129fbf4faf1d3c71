package io.resfuse;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The launcher is killed while it makes the archive of classes; its processes live on a little. */
class KilledLauncherTest {
  private static final int KILLS = Integer.getInteger("resfuse.kills", 2);

  @TempDir Path home;

  @Test
  void nextStartMakesTheArchive() throws Exception {
    Path jar = Path.of("target/resfuse.jar").toAbsolutePath();
    Path libraries = Path.of("target/lib").toAbsolutePath();
    assumeTrue(Files.exists(jar) && Files.exists(libraries), "the jar is not built");
    Path target = Files.createDirectory(home.resolve("target"));
    Files.copy(jar, target.resolve("resfuse.jar"));
    Files.createSymbolicLink(target.resolve("lib"), libraries);
    Path launcher = Files.copy(Path.of("resfuse"), home.resolve("resfuse"));
    Files.setPosixFilePermissions(launcher, PosixFilePermissions.fromString("rwxr-xr-x"));
    long start = System.nanoTime();
    run(launcher);
    long whole = System.nanoTime() - start;
    String archive = archive(target);
    long size = Files.size(target.resolve(archive));
    Random random = new Random(start);
    int done = 0;
    for (int kill = 0; kill < KILLS; kill++) {
      Files.deleteIfExists(target.resolve(archive));
      Process process = start(launcher);
      Thread.sleep((long) (random.nextDouble() * whole / 1e6));
      List<ProcessHandle> children = process.descendants().toList();
      process.destroyForcibly();
      process.waitFor();
      if (Files.exists(target.resolve(archive))) {
        done++;
        assertThat(Files.size(target.resolve(archive))).isBetween(size / 2, size * 2);
      }
      for (ProcessHandle child : children) {
        child.onExit().get(1, TimeUnit.MINUTES);
      }
      // A process that was to read the list of classes has none, where the launcher was killed
      // early.
      run(launcher);
      assertThat(Kills.files(target).stream().filter(name -> name.contains(".jsa")))
          .as("kill %d of seed %d", kill, start)
          .containsExactly(archive);
    }
    System.out.printf(
        "launcher: %d kills within %d ms, the archive was there after %d%n",
        KILLS, whole / 1_000_000, done);
  }

  private static String archive(Path target) throws Exception {
    return Kills.files(target).stream().filter(name -> name.endsWith(".jsa")).findFirst().get();
  }

  private static Process start(Path launcher) throws Exception {
    return new ProcessBuilder(launcher.toString(), "--version")
        .redirectErrorStream(true)
        .redirectOutput(ProcessBuilder.Redirect.DISCARD)
        .start();
  }

  private static void run(Path launcher) throws Exception {
    assertThat(start(launcher).waitFor()).isZero();
  }
}
