package io.resfuse.engine.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import io.resfuse.engine.EngineException;
import io.resfuse.platform.Settings;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Where softcuda is loaded from: the file of a property, what a checkout compiles, the jar. Each
 * case in a process of its own.
 */
class SoftCudaLoaderTest {
  private static final String LIBRARY = "-D" + Settings.SOFTCUDA_LIBRARY.key() + "=";
  private static final String SOURCES = "-D" + Settings.SOFTCUDA_SOURCES.key() + "=";

  @TempDir Path folder;

  private final Map<String, String> environment = new HashMap<>();
  private String classPath = System.getProperty("java.class.path");

  /**
   * What the child processes run: loads what the arguments name, then softcuda, and says how it
   * went.
   */
  static final class Child {
    private Child() {}

    @SuppressWarnings("SystemOut")
    public static void main(String[] libraries) {
      for (String library : libraries) {
        System.load(library);
      }
      try {
        System.out.println("probe: " + SoftCuda.probe().available());
        SoftCuda.load();
        SoftCuda.load();
        System.out.println("loaded: " + SoftCuda.isLoaded());
      } catch (EngineException e) {
        System.out.println("refused: " + e.getMessage());
      }
    }
  }

  private String run(List<String> options, String... arguments)
      throws IOException, InterruptedException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("-cp", classPath, "-Dorg.slf4j.simpleLogger.defaultLogLevel=info"));
    command.addAll(options);
    command.add(Child.class.getName());
    command.addAll(Arrays.asList(arguments));
    ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
    builder.environment().put("XDG_CACHE_HOME", folder.toString());
    builder.environment().putAll(environment);
    Process process = builder.start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor(1, TimeUnit.MINUTES)).isTrue();
    return output;
  }

  /** A copy of what this checkout compiles; without it the test is skipped. */
  private Path library() throws IOException {
    Optional<SoftCudaSources> sources = SoftCudaSources.find();
    Optional<Path> built = sources.isPresent() ? sources.get().build(line -> {}) : Optional.empty();
    Assumptions.assumeTrue(built.isPresent(), () -> SoftCuda.probe().detail());
    return Files.copy(built.get(), folder.resolve("libcuda.so.1"));
  }

  /** A checkout's folder {@code native} whose {@code build.sh} does what the lines say. */
  private String sources(String... lines) throws IOException {
    Path script = Files.createDirectories(folder.resolve("checkout/native")).resolve("build.sh");
    Files.write(script, List.of("#!/bin/sh", String.join("\n", lines)));
    assertThat(script.toFile().setExecutable(true)).isTrue();
    return SOURCES + script.getParent();
  }

  /** For cases without softcuda: a build by {@code -Dsoftcuda=on} always has it. */
  private static void assumeNotPacked() {
    Assumptions.assumeTrue(
        SoftCuda.class.getResource("/natives/linux-x86_64/libcuda.so.1") == null);
  }

  @Test
  void compiledOnceWhenItIsFirstLoaded() throws Exception {
    Path library = library();
    String output =
        run(
            List.of(
                sources(
                    "[ \"$1\" != --probe ] || exit 0",
                    "echo softcuda: compiling",
                    "mkdir -p " + folder.resolve("checkout/target/softcuda"),
                    "cp " + library + " " + folder.resolve("checkout/target/softcuda"))));
    assertThat(output).containsOnlyOnce("softcuda: compiling").contains("loaded: true");
    assertThat(output).startsWith("probe: true");
  }

  @Test
  void aCompilerThatFailsIsAnError() throws Exception {
    assertThat(
            run(
                List.of(
                    sources(
                        "[ \"$1\" != --probe ] || exit 0",
                        "echo error: no such instruction",
                        "echo softcuda could not be compiled",
                        "exit 1"))))
        .contains(
            "error: no such instruction",
            "refused: softcuda cannot be loaded: softcuda could not be compiled");
  }

  @Test
  void whereItCannotBeCompiledTheReasonIsSaid() throws Exception {
    assumeNotPacked();
    assertThat(run(List.of(sources("echo softcuda cannot be built: no cmake", "exit 3"))))
        .contains("probe: false", "refused: softcuda cannot be built: no cmake");
  }

  @Test
  void switchedOff() throws Exception {
    assumeNotPacked();
    environment.put("SOFTCUDA", "off");
    assertThat(run(List.of()))
        .contains("probe: false", "refused: softcuda cannot be built: it was switched off");
  }

  @Test
  void fromTheJarIntoTheUsersCache() throws Exception {
    Path jar = folder.resolve("jar");
    Path packed = Files.createDirectories(jar.resolve("natives/linux-x86_64"));
    Files.copy(library(), packed.resolve("libcuda.so.1"));
    classPath = jar + ":" + classPath;
    assertThat(run(List.of(sources("echo softcuda cannot be built: no cmake", "exit 3"))))
        .contains("probe: true", "loaded: true");
    try (var found = Files.find(folder, 5, (p, a) -> p.endsWith("libcuda.so.1"))) {
      assertThat(found.filter(p -> p.toString().contains("resfuse/natives/libcuda.so.1-")))
          .hasSize(1);
    }
  }

  @Test
  void aJarWithoutItSaysWhatToDo() throws Exception {
    assumeNotPacked();
    assertThat(run(List.of(SOURCES + folder)))
        .contains("probe: false", "refused: softcuda is not in this jar; ", "-Dsoftcuda=on");
  }

  @Test
  void fromThePropertysFile() throws Exception {
    Path library = library();
    assertThat(run(List.of(LIBRARY + library))).contains("probe: true", "loaded: true");
  }

  /** Nothing else is tried, even if the jar has the library. */
  @Test
  void aWrongPropertyIsAnError() throws Exception {
    assertThat(run(List.of(LIBRARY + folder.resolve("missing.so"))))
        .contains("probe: false", "refused: softcuda cannot be loaded: no file", "missing.so");
    Path garbage = Files.write(folder.resolve("garbage.so"), new byte[100]);
    assertThat(run(List.of(LIBRARY + garbage)))
        .contains("refused: softcuda cannot be loaded from " + garbage);
  }

  @Test
  void tooLateAfterAnotherDriver() throws Exception {
    Path other = library();
    assertThat(run(List.of(), other.toString()))
        .contains(
            "probe: false", "refused: ", "has loaded " + other, "before the first use of JCuda");
  }
}
