package io.resfuse.engine.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import io.resfuse.engine.EngineException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Where softcuda is loaded from; each case in a process of its own. */
class SoftCudaLoaderTest {
  private static final String PROPERTY = "-D" + SoftCuda.LIBRARY_PROPERTY + "=";

  @TempDir Path folder;

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
    command.addAll(List.of("-cp", System.getProperty("java.class.path")));
    command.addAll(options);
    command.add(Child.class.getName());
    command.addAll(Arrays.asList(arguments));
    ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
    builder.environment().put("XDG_CACHE_HOME", folder.toString());
    Process process = builder.start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor(1, TimeUnit.MINUTES)).isTrue();
    return output;
  }

  private Path packedLibrary() throws IOException {
    try (var in = SoftCuda.class.getResourceAsStream("/natives/linux-x86_64/libcuda.so.1")) {
      Assumptions.assumeTrue(in != null, SoftCuda.probe().detail());
      Path file = folder.resolve("libcuda.so.1");
      Files.write(file, in.readAllBytes());
      return file;
    }
  }

  @Test
  void fromTheJarIntoTheUsersCache() throws Exception {
    packedLibrary();
    assertThat(run(List.of())).contains("probe: true", "loaded: true");
    try (var found = Files.find(folder, 5, (p, a) -> p.endsWith("libcuda.so.1"))) {
      assertThat(found.filter(p -> p.toString().contains("resfuse/softcuda-"))).hasSize(1);
    }
  }

  @Test
  void fromThePropertysFile() throws Exception {
    Path library = packedLibrary();
    assertThat(run(List.of(PROPERTY + library))).contains("probe: true", "loaded: true");
  }

  /** Nothing else is tried, even if the jar has the library. */
  @Test
  void aWrongPropertyIsAnError() throws Exception {
    assertThat(run(List.of(PROPERTY + folder.resolve("missing.so"))))
        .contains("probe: false", "refused: softcuda cannot be loaded: no file", "missing.so");
    Path garbage = Files.write(folder.resolve("garbage.so"), new byte[100]);
    assertThat(run(List.of(PROPERTY + garbage)))
        .contains("refused: softcuda cannot be loaded from " + garbage);
  }

  @Test
  void tooLateAfterAnotherDriver() throws Exception {
    Path other = packedLibrary();
    assertThat(run(List.of(), other.toString()))
        .contains(
            "probe: false", "refused: ", "has loaded " + other, "before the first use of JCuda");
  }
}
