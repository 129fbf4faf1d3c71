package io.resfuse.engine.cuda.internal.tiles;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.resfuse.engine.cuda.internal.kernels.Tile;
import io.resfuse.platform.FolderLock;
import io.resfuse.platform.NativeFiles;
import io.resfuse.platform.WholeFile;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The tiles that were found fastest, in a file per environment (device, driver, kernels): its first
 * line is the environment, each other line {@code SIZES tab ROWSxCOLUMNS tab SLICES}. Several
 * processes may use one file: whoever finds something first is followed by the others, and a file
 * is replaced as a whole. A file that cannot be read or is no such file is passed over, one that
 * cannot be written is done without; the log says so. Not thread-safe within a process.
 */
public final class TuningCache {
  private static final Logger log = LoggerFactory.getLogger(TuningCache.class);
  private static final String SEPARATOR = "\t";

  private final Path folder;
  private final String environment;
  private final Path file;
  private final Map<String, TileChoice> choices = new HashMap<>();
  private boolean writable = true;

  /**
   * Reads what is there.
   *
   * @param folder of the cache
   * @param environment one line; another one has another file
   */
  public TuningCache(Path folder, String environment) {
    this.folder = folder;
    this.environment = environment;
    this.file = folder.resolve("tiles-" + NativeFiles.hash(environment) + ".txt");
    choices.putAll(read(true));
  }

  @Nullable TileChoice get(String sizes) {
    return choices.get(sizes);
  }

  /**
   * Remembers a choice, unless another process has found one before.
   *
   * @param candidates what may have been found
   * @return what holds now
   */
  TileChoice put(String sizes, List<TileChoice> candidates, TileChoice choice) {
    choices.put(sizes, choice);
    if (writable) {
      try {
        merge(sizes, candidates);
      } catch (IOException e) {
        writable = e instanceof InterruptedIOException;
        log.warn(
            "the tiles found fastest are not kept: {} cannot be written: {}", file, e.toString());
      }
    }
    return choices.getOrDefault(sizes, choice);
  }

  /** What other processes have written holds; what only this one knows is added. */
  private void merge(String sizes, List<TileChoice> candidates) throws IOException {
    Files.createDirectories(folder);
    try (FolderLock lock = FolderLock.acquire(folder.resolve("tiles.lock"))) {
      log.debug("{} is held", lock);
      Map<String, TileChoice> theirs = new HashMap<>(read(false));
      theirs.computeIfPresent(sizes, (key, first) -> candidates.contains(first) ? first : null);
      choices.putAll(theirs);
      List<String> lines = new ArrayList<>();
      lines.add(environment);
      new TreeMap<>(choices)
          .forEach(
              (key, choice) ->
                  lines.add(
                      String.join(
                          SEPARATOR,
                          key,
                          choice.tile().toString(),
                          String.valueOf(choice.slices()))));
      WholeFile.write(file, (String.join("\n", lines) + "\n").getBytes(UTF_8));
    }
  }

  private Map<String, TileChoice> read(boolean warn) {
    Map<String, TileChoice> found = new HashMap<>();
    try {
      List<String> lines = Files.readAllLines(file);
      if (lines.isEmpty() || !lines.get(0).equals(environment)) {
        throw new IOException("its first line is not '" + environment + "'");
      }
      for (String line : lines.subList(1, lines.size())) {
        String[] words = line.split(SEPARATOR, -1);
        if (words.length != 3) {
          throw new IOException("'" + line + "' is no line of it");
        }
        found.put(words[0], new TileChoice(tile(words[1]), Integer.parseInt(words[2])));
      }
      return found;
    } catch (NoSuchFileException e) {
      return Map.of();
    } catch (IOException | NumberFormatException e) {
      if (warn) {
        log.warn("the tiles found fastest are found anew: {} is no use: {}", file, e.toString());
      }
      return Map.of();
    }
  }

  private static Tile tile(String name) throws IOException {
    return Stream.concat(Tile.ALL.stream(), Tile.FOR_WEIGHTS.stream())
        .filter(tile -> tile.toString().equals(name))
        .findFirst()
        .orElseThrow(() -> new IOException("there is no tile " + name));
  }
}
