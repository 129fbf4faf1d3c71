package io.resfuse.engine.cuda.internal.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.resfuse.engine.EngineException;
import io.resfuse.engine.cuda.internal.driver.PtxEntries;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/**
 * The committed PTX is what {@code ptx/manifest.txt} says, and was made of the sources that are
 * here; without nvcc, so that every machine notices a source that was not compiled.
 */
class ManifestTest {
  private static final Path FOLDER = Path.of("cuda-kernels");
  private static final String ADVICE = "run cuda-kernels/build.sh and commit what it makes";

  private static List<String[]> lines(String kind) throws IOException {
    List<String[]> lines = new ArrayList<>();
    for (String line : Files.readAllLines(FOLDER.resolve("ptx/manifest.txt"))) {
      String[] words = line.split(" ", -1);
      if (words[0].equals(kind)) {
        lines.add(words);
      }
    }
    assertThat(lines).isNotEmpty();
    return lines;
  }

  private static String hash(Path file) throws IOException {
    try {
      return HexFormat.of()
          .formatHex(MessageDigest.getInstance("SHA-256").digest(Files.readAllBytes(file)));
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError(e);
    }
  }

  private static Set<String> names(Path folder, String end) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      Set<String> names = new TreeSet<>();
      files
          .map(file -> file.getFileName().toString())
          .filter(name -> name.endsWith(end))
          .forEach(name -> names.add(name.substring(0, name.length() - end.length())));
      return names;
    }
  }

  @Test
  void everySourceWasCompiled() throws IOException {
    Set<String> modules = new TreeSet<>();
    lines("module").forEach(words -> modules.add(words[1]));
    assertThat(modules).as(ADVICE).isEqualTo(names(FOLDER, ".cu"));
    assertThat(names(FOLDER.resolve("ptx"), ".ptx")).as(ADVICE).isEqualTo(modules);
  }

  @Test
  void sourcesAreThoseThatWereCompiled() throws IOException {
    for (String[] words : lines("source")) {
      assertThat(hash(FOLDER.resolve(words[2])))
          .as("%s has changed since %s.ptx was made of it; %s", words[2], words[1], ADVICE)
          .isEqualTo(words[3]);
    }
  }

  @Test
  void ptxIsWhatCameOut() throws IOException {
    for (String[] words : lines("module")) {
      Path file = FOLDER.resolve("ptx").resolve(words[1] + ".ptx");
      assertThat(hash(file)).as("%s was changed; %s", file, ADVICE).isEqualTo(words[2]);
      String ptx = Files.readString(file);
      assertThat(ptx).contains(".version " + words[3] + "\n").contains(".target sm_80\n");
      // Drivers since CUDA 11.0 take it.
      assertThat(words[3]).isEqualTo("7.0");
      Set<String> kernels = new TreeSet<>();
      for (String[] kernel : lines("kernel")) {
        if (kernel[1].equals(words[1])) {
          kernels.add(kernel[2]);
        }
      }
      assertThat(kernels).isEqualTo(new TreeSet<>(PtxEntries.of(ptx).keySet()));
    }
  }

  @Test
  void nothingSpills() throws IOException {
    for (String[] words : lines("kernel")) {
      assertThat(words[4]).as("bytes that %s spills", words[2]).isEqualTo("0");
    }
  }

  @Test
  void aKernelThatNoModuleHasIsNamed() {
    try (KernelLibrary kernels = new KernelLibrary(null)) {
      assertThatThrownBy(() -> kernels.get("loos", Cast.class))
          .isInstanceOf(EngineException.class)
          .hasMessage("there is no kernel loos in this build");
    }
  }
}
