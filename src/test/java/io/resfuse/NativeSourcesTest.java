package io.resfuse;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.resfuse.engine.Engine;
import io.resfuse.engine.EngineException;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.Engines;
import io.resfuse.engine.cuda.SoftCuda;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Where native libraries are loaded from, as the memory map of a process tells: the user's own
 * folder, never the system's temporary folder or the one that the process was started in. Each case
 * in a process of its own.
 */
class NativeSourcesTest {
  private static final String JCUDA = "libJCudaDriver-12.6.0-linux-x86_64.so";

  private final List<String> options = new ArrayList<>();

  private Path cache;
  private Path home;
  private Path temporary;
  private Path work;

  @BeforeEach
  void createFolders(@TempDir Path folder) throws IOException {
    assumeTrue(Files.exists(Path.of("/proc/self/maps")), "this system has no /proc/self/maps");
    Path real = folder.toRealPath();
    cache = real.resolve("cache");
    temporary = Files.createDirectory(real.resolve("tmp"));
    work = Files.createDirectory(real.resolve("work"));
    options.add("-Djava.io.tmpdir=" + temporary);
  }

  /** What the child processes run: opens an engine on a device, and says where libraries lie. */
  static final class Child {
    private Child() {}

    @SuppressWarnings("SystemOut")
    public static void main(String[] arguments) throws IOException {
      EngineOptions options = new EngineOptions(1, arguments[1]);
      try (Engine engine = Engines.open(arguments[0], options)) {
        System.out.println("opened: " + engine.name());
      } catch (EngineException e) {
        System.out.println("refused: " + e.getMessage());
      }
      try (Stream<String> lines = Files.lines(Path.of("/proc/self/maps"))) {
        lines
            .filter(line -> line.contains(" r-xp ") && line.contains("/"))
            .map(line -> "loaded: " + line.substring(line.indexOf('/')))
            .forEach(System.out::println);
      }
    }
  }

  private Process start(String engine, String device) throws IOException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("-cp", absoluteClassPath()));
    command.addAll(options);
    command.addAll(List.of(Child.class.getName(), engine, device));
    ProcessBuilder builder =
        new ProcessBuilder(command).redirectErrorStream(true).directory(work.toFile());
    builder.environment().remove("XDG_CACHE_HOME");
    builder.environment().remove("LD_LIBRARY_PATH");
    builder.environment().remove("HOME");
    if (home != null) {
      builder.environment().put("HOME", home.toString());
    }
    if (cache == null) {
      builder.environment().remove("RESFUSE_CACHE");
    } else {
      builder.environment().put("RESFUSE_CACHE", cache.toString());
    }
    return builder.start();
  }

  /** Surefire's own class path is a jar that only names the others. */
  private static String absoluteClassPath() {
    String classPath =
        System.getProperty("surefire.test.class.path", System.getProperty("java.class.path"));
    return Stream.of(classPath.split(":", -1))
        .map(entry -> Path.of(entry).toAbsolutePath().toString())
        .reduce((a, b) -> a + ":" + b)
        .orElseThrow();
  }

  private static String output(Process process) throws IOException, InterruptedException {
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor(1, TimeUnit.MINUTES)).isTrue();
    assertThat(process.exitValue()).as(output).isZero();
    return output;
  }

  private String run(String engine, String device) throws IOException, InterruptedException {
    return output(start(engine, device));
  }

  /** Runs the CUDA engine on softcuda, or skips the test. */
  private String runCuda() throws IOException, InterruptedException {
    assumeTrue(SoftCuda.probe().available(), SoftCuda.probe().detail());
    options.add("-Dresfuse.softcuda.sources=" + Path.of("native").toAbsolutePath());
    return run("cuda", "softcuda");
  }

  private static Optional<Path> find(Path folder, String name) throws IOException {
    try (Stream<Path> found = Files.find(folder, 9, (path, any) -> path.endsWith(name))) {
      return found.findFirst();
    }
  }

  private static void truncate(Path file) throws IOException {
    try (RandomAccessFile opened = new RandomAccessFile(file.toFile(), "rw")) {
      opened.setLength(opened.length() / 2);
    }
  }

  @Test
  void jcudaDoesNotComeFromTheTemporaryFolder() throws Exception {
    byte[] planted = {1, 2, 3};
    Path trap = Files.write(temporary.resolve(JCUDA), planted);
    String output = runCuda();
    assertThat(output)
        .contains("opened: cuda", "loaded: " + cache.resolve("natives/" + JCUDA))
        .doesNotContain("loaded: " + temporary);
    assertThat(trap).hasBinaryContent(planted);
    try (Stream<Path> files = Files.list(temporary)) {
      assertThat(files).containsExactly(trap);
    }
  }

  /** A library that ends too early would kill the process. */
  @Test
  void truncatedLibrariesAreUnpackedAnew() throws Exception {
    assertThat(runCuda()).contains("opened: cuda");
    truncate(find(cache, JCUDA).orElseThrow());
    assertThat(runCuda()).contains("opened: cuda");
  }

  @Test
  void jcudaDoesNotComeFromARelativeFolder() throws Exception {
    Files.write(work.resolve(JCUDA), new byte[] {1, 2, 3});
    options.add("-Djava.library.path=/usr/lib:");
    assertThat(runCuda())
        .contains("JCuda cannot be loaded: " + work.resolve(JCUDA) + " is in the way: leave the")
        .contains("relative folder '' out of java.library.path")
        .doesNotContain("loaded: " + cache);
  }

  @Test
  void twoProcessesUnpackAtOnceAndOneIsKilled() throws Exception {
    Process killed = start("onednn", "");
    long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(30);
    while (find(Files.createDirectories(cache), "libdnnl.so.3").isEmpty()
        && System.nanoTime() < end) {
      Thread.sleep(1);
    }
    killed.destroyForcibly().waitFor();
    assertThat(find(cache, "libdnnl.so.3")).isPresent();
    Process first = start("onednn", "");
    Process second = start("onednn", "");
    for (Process each : new Process[] {first, second}) {
      assertThat(output(each))
          .contains("opened: onednn", "loaded: " + cache.resolve("natives/javacpp"))
          .doesNotContain("/.javacpp/");
    }
    truncate(find(cache, "libdnnl.so.3").orElseThrow());
    assertThat(run("onednn", "")).contains("opened: onednn");
  }

  /** Java's home folder of a user whom the system does not list is "?"; $HOME may say another. */
  @Test
  void withoutAHomeNothingIsPutWhereTheProgramStarts() throws Exception {
    cache = null;
    options.add("-Duser.home=?");
    options.add("-Duser.name=somebody");
    assertThat(run("onednn", ""))
        .contains("opened: onednn")
        .contains("loaded: " + temporary.resolve("resfuse-somebody/natives/javacpp"));
    home = Files.createDirectory(temporary.resolve("home"));
    assertThat(run("onednn", ""))
        .contains("opened: onednn")
        .contains("loaded: " + home.resolve(".cache/resfuse/natives/javacpp"));
    try (Stream<Path> files = Files.list(work)) {
      assertThat(files).isEmpty();
    }
  }

  @Test
  void foldersThatOthersCanWriteAreNotUsed() throws Exception {
    options.add("-Duser.name=somebody");
    Files.createDirectory(cache);
    Path own = Files.createDirectory(temporary.resolve("resfuse-somebody"));
    for (Path open : new Path[] {cache, own}) {
      Files.setPosixFilePermissions(open, PosixFilePermissions.fromString("rwxrwxrwx"));
    }
    assertThat(run("onednn", ""))
        .contains("oneDNN cannot be loaded: native libraries cannot be unpacked: ")
        .contains(cache + " can be written by everybody", own + " can be written by everybody")
        .contains("set RESFUSE_CACHE to a folder of your own")
        .doesNotContain("loaded: " + cache, "loaded: " + temporary);
    Files.setPosixFilePermissions(own, PosixFilePermissions.fromString("rwx------"));
    assertThat(run("onednn", ""))
        .contains(cache + " can be written by everybody", "opened: onednn")
        .contains("loaded: " + own.resolve("natives/javacpp"));
  }
}
