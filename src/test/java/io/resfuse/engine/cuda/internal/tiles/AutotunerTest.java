package io.resfuse.engine.cuda.internal.tiles;

import static org.assertj.core.api.Assertions.assertThat;

import io.resfuse.engine.EngineException;
import io.resfuse.engine.cuda.internal.kernels.Tile;
import io.resfuse.engine.cuda.internal.tiles.TileChooser.Question;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What the autotuner chooses, and what its cache keeps, by times that the test makes up. */
class AutotunerTest {
  private static final TileChoice LARGE = new TileChoice(Tile.ALL.get(0), 1);
  private static final TileChoice SLICED = new TileChoice(Tile.ALL.get(0), 4);
  private static final TileChoice SMALL = new TileChoice(Tile.ALL.get(2), 1);

  /** What caches are told, beyond what is timed. */
  private static final List<TileChoice> CANDIDATES =
      List.of(
          LARGE, SLICED, SMALL, new TileChoice(LARGE.tile(), 2), new TileChoice(LARGE.tile(), 3));

  @TempDir private Path folder;

  private final List<TileChoice> timed = new ArrayList<>();

  private static Question question(String sizes) {
    return new Question(sizes, LARGE, List.of(LARGE, SLICED, SMALL), (program, kept, choice) -> {});
  }

  private Autotuner tuner(String environment, Map<TileChoice, Double> times) {
    return new Autotuner(
        new TuningCache(folder, environment),
        (trial, choice) -> {
          timed.add(choice);
          return times.get(choice);
        });
  }

  private Path file() throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.filter(file -> file.toString().endsWith(".txt")).findFirst().orElseThrow();
    }
  }

  @Test
  void theFastestIsChosenOnceAndRemembered() {
    Map<TileChoice, Double> times = Map.of(LARGE, 10.0, SLICED, 7.0, SMALL, 8.0);
    Autotuner tuner = tuner("a GPU", times);
    assertThat(tuner.choose(question("one"))).isEqualTo(SLICED);
    assertThat(timed).containsExactlyInAnyOrder(LARGE, SLICED, SMALL);
    timed.clear();
    assertThat(tuner.choose(question("one"))).isEqualTo(SLICED);
    assertThat(tuner("a GPU", Map.of()).choose(question("one"))).isEqualTo(SLICED);
    assertThat(timed).isEmpty();
    assertThat(tuner.choose(question("two"))).isEqualTo(SLICED);
    assertThat(timed).hasSize(3);
  }

  @Test
  void noiseDoesNotMoveTheEstimate() {
    Autotuner tuner = tuner("a GPU", Map.of(LARGE, 10.0, SLICED, 9.8, SMALL, 9.9));
    assertThat(tuner.choose(question("one"))).isEqualTo(LARGE);
  }

  @Test
  void anotherDeviceDriverOrKernelIsTimedAnew() {
    tuner("a GPU, kernels 1", Map.of(LARGE, 3.0, SLICED, 1.0, SMALL, 2.0)).choose(question("one"));
    Autotuner other = tuner("a GPU, kernels 2", Map.of(LARGE, 3.0, SLICED, 2.0, SMALL, 1.0));
    assertThat(other.choose(question("one"))).isEqualTo(SMALL);
    assertThat(tuner("a GPU, kernels 1", Map.of()).choose(question("one"))).isEqualTo(SLICED);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "rubbish",
        "a GPU\none\t128x128",
        "a GPU\none\t128x128\tmany",
        "a GPU\none\t1x1\t1"
      })
  void aFileThatIsNoneIsPassedOverAndReplaced(String content) throws IOException {
    Map<TileChoice, Double> times = Map.of(LARGE, 3.0, SLICED, 1.0, SMALL, 2.0);
    tuner("a GPU", times).choose(question("one"));
    Files.writeString(file(), content);
    timed.clear();
    assertThat(tuner("a GPU", times).choose(question("one"))).isEqualTo(SLICED);
    assertThat(timed).hasSize(3);
    assertThat(tuner("a GPU", Map.of()).choose(question("one"))).isEqualTo(SLICED);
  }

  @Test
  void whatIsNoCandidateAnyMoreIsTimedAnew() {
    tuner("a GPU", Map.of(LARGE, 3.0, SLICED, 1.0, SMALL, 2.0)).choose(question("one"));
    Question fewer = new Question("one", LARGE, List.of(LARGE, SMALL), question("one").trial());
    Autotuner tuner = tuner("a GPU", Map.of(LARGE, 3.0, SMALL, 2.0));
    timed.clear();
    assertThat(tuner.choose(fewer)).isEqualTo(SMALL);
    assertThat(new TuningCache(folder, "a GPU").get("one")).isEqualTo(SMALL);
    assertThat(timed).containsExactly(LARGE, SMALL);
  }

  /** Two processes that began with the same file: the first to find something is followed. */
  @Test
  void twoCachesOfOneFileLoseNothingAndAgree() {
    TuningCache one = new TuningCache(folder, "a GPU");
    TuningCache two = new TuningCache(folder, "a GPU");
    assertThat(one.put("shared", CANDIDATES, SLICED)).isEqualTo(SLICED);
    assertThat(two.put("its own", CANDIDATES, LARGE)).isEqualTo(LARGE);
    assertThat(two.put("shared", CANDIDATES, SMALL)).isEqualTo(SLICED);
    TuningCache later = new TuningCache(folder, "a GPU");
    assertThat(later.get("shared")).isEqualTo(SLICED);
    assertThat(later.get("its own")).isEqualTo(LARGE);
  }

  @Test
  void manyProcessesWriteAtOnce() throws Exception {
    List<Process> writers = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      writers.add(
          new ProcessBuilder(
                  Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                  "-cp",
                  System.getProperty("java.class.path"),
                  Writer.class.getName(),
                  folder.toString(),
                  String.valueOf(i))
              .inheritIO()
              .start());
    }
    for (Process writer : writers) {
      assertThat(writer.waitFor()).isZero();
    }
    TuningCache cache = new TuningCache(folder, "a GPU");
    TileChoice shared = cache.get("shared");
    assertThat(shared).isNotNull();
    for (int i = 0; i < 3; i++) {
      assertThat(cache.get("seen by " + i)).isEqualTo(shared);
      for (int j = 0; j < Writer.ENTRIES; j++) {
        assertThat(cache.get(i + "/" + j)).isEqualTo(LARGE);
      }
    }
  }

  /** Another process. */
  static final class Writer {
    static final int ENTRIES = 20;

    private Writer() {}

    public static void main(String[] arguments) {
      TuningCache cache = new TuningCache(Path.of(arguments[0]), "a GPU");
      int number = Integer.parseInt(arguments[1]);
      for (int i = 0; i < ENTRIES; i++) {
        cache.put(number + "/" + i, CANDIDATES, LARGE);
      }
      TileChoice shared =
          cache.put("shared", CANDIDATES, new TileChoice(Tile.ALL.get(0), 1 + number));
      cache.put("seen by " + number, CANDIDATES, shared);
    }
  }

  @Test
  void whereNothingCanBeTimedTheEstimateIsTakenButNotKept() {
    Autotuner failing =
        new Autotuner(
            new TuningCache(folder, "a GPU"),
            (trial, choice) -> {
              throw new EngineException("out of memory");
            });
    assertThat(failing.choose(question("one"))).isEqualTo(LARGE);
    assertThat(new TuningCache(folder, "a GPU").get("one")).isNull();
  }

  @Test
  void aFolderThatCannotBeWrittenIsDoneWithout() throws IOException {
    Path blocked = Files.writeString(folder.resolve("file"), "");
    TuningCache cache = new TuningCache(blocked.resolve("folder"), "a GPU");
    assertThat(cache.put("one", CANDIDATES, SMALL)).isEqualTo(SMALL);
    assertThat(cache.get("one")).isEqualTo(SMALL);
  }
}
