package io.resfuse;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;

/**
 * Kills processes at random moments of their work. After each kill there is what was there before
 * or what was to be, nothing half; and the next start does the work without help and leaves nothing
 * but its result. A few times in the test suite, {@code -Dresfuse.kills=50} for more.
 */
public final class Kills {
  private static final int COUNT = Integer.getInteger("resfuse.kills", 4);

  private Kills() {}

  /** Work in a folder. */
  public interface Work {
    /** A process that prints {@code begin} and {@code end}. */
    ProcessBuilder process(Path folder) throws Exception;

    /** Whether the result is there, whole: not if it is not there at all; anything else fails. */
    boolean isDone(Path folder) throws Exception;

    /** Does the work, as the next start does it. */
    void next(Path folder) throws Exception;
  }

  /** The names of all files below a folder, but for locks. */
  public static List<String> files(Path folder) throws IOException {
    try (Stream<Path> all = Files.walk(folder)) {
      return all.filter(Files::isRegularFile)
          .map(file -> folder.relativize(file).toString())
          .filter(name -> !name.endsWith(".lock"))
          .sorted()
          .toList();
    }
  }

  /**
   * Kills and checks.
   *
   * @param folder for folders of the single kills
   */
  public static void check(String name, Path folder, Work work) throws Exception {
    Path whole = Files.createDirectory(folder.resolve("whole"));
    long nanos = undisturbed(whole, work);
    List<String> results = results(whole);
    long seed = System.nanoTime();
    Random random = new Random(seed);
    int kills = 0;
    int done = 0;
    for (int attempt = 0; kills < COUNT; attempt++) {
      assertThat(attempt).as("attempts").isLessThan(4 * COUNT);
      Path place = Files.createDirectory(folder.resolve("killed-" + attempt));
      if (!killed(place, work, (long) (random.nextDouble() * nanos))) {
        continue;
      }
      kills++;
      boolean isDone = work.isDone(place);
      done += isDone ? 1 : 0;
      work.next(place);
      assertThat(work.isDone(place)).as("kill %d of seed %d", kills, seed).isTrue();
      // What a killed process had started may have lived a little longer.
      for (int i = 0; !files(place).equals(results) && i < 50; i++) {
        Thread.sleep(100);
        work.next(place);
      }
      assertThat(files(place)).as("kill %d of seed %d", kills, seed).isEqualTo(results);
    }
    System.out.printf(
        "%s: %d kills within %d ms of work, the result was there after %d%n",
        name, kills, nanos / 1_000_000, done);
  }

  private static long undisturbed(Path folder, Work work) throws Exception {
    try (ChildJvm child = ChildJvm.start(work.process(folder))) {
      child.awaitLine("begin");
      long start = System.nanoTime();
      child.awaitLine("end");
      long nanos = System.nanoTime() - start;
      assertThat(child.status()).isZero();
      assertThat(work.isDone(folder)).isTrue();
      return nanos;
    }
  }

  /** Whether it was alive then. */
  private static boolean killed(Path folder, Work work, long nanos) throws Exception {
    try (ChildJvm child = ChildJvm.start(work.process(folder))) {
      child.awaitLine("begin");
      Thread.sleep(nanos / 1_000_000, (int) (nanos % 1_000_000));
      return child.isAlive();
    }
  }

  /** Two processes do the work at once in a folder where it was never done. */
  public static void twoAtOnce(Path folder, Work work) throws Exception {
    try (ChildJvm one = ChildJvm.start(work.process(folder));
        ChildJvm two = ChildJvm.start(work.process(folder))) {
      for (ChildJvm each : List.of(one, two)) {
        each.awaitLine("end");
        assertThat(each.status()).isZero();
      }
    }
    assertThat(work.isDone(folder)).isTrue();
    results(folder);
  }

  private static List<String> results(Path folder) throws IOException {
    List<String> results = files(folder);
    assertThat(results).noneMatch(name -> name.endsWith(".tmp") || name.contains(".work-"));
    return results;
  }
}
