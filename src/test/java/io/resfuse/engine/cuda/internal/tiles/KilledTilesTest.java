package io.resfuse.engine.cuda.internal.tiles;

import static org.assertj.core.api.Assertions.assertThat;

import io.resfuse.ChildJvm;
import io.resfuse.Kills;
import io.resfuse.engine.cuda.internal.kernels.Tile;
import io.resfuse.platform.NativeFiles;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Finding the fastest tiles of two hundred layers, each kept when it is found. */
class KilledTilesTest implements Kills.Work {
  private static final String ENVIRONMENT = "a device, a driver, some kernels";
  private static final int LAYERS = 200;
  private static final TileChoice CHOICE = new TileChoice(Tile.ALL.get(0), 1);

  @TempDir Path folder;

  static final class Tuning {
    public static void main(String[] arguments) {
      System.out.println("begin");
      tune(Path.of(arguments[0]));
      System.out.println("end");
    }
  }

  private static void tune(Path folder) {
    TuningCache cache = new TuningCache(folder, ENVIRONMENT);
    for (int layer = 0; layer < LAYERS; layer++) {
      if (cache.get("layer " + layer) == null) {
        cache.put("layer " + layer, List.of(CHOICE), CHOICE);
      }
    }
  }

  private static String result() {
    return "tiles-" + NativeFiles.hash(ENVIRONMENT) + ".txt";
  }

  @Override
  public ProcessBuilder process(Path cache) {
    return ChildJvm.command(List.of(), Tuning.class, cache);
  }

  /** A file with fewer layers is an earlier one, and whole. */
  @Override
  public boolean isDone(Path cache) throws IOException {
    Path file = cache.resolve(result());
    if (!Files.exists(file)) {
      return false;
    }
    String text = Files.readString(file);
    assertThat(text).startsWith(ENVIRONMENT + "\n").endsWith("\n");
    List<String> lines = text.lines().skip(1).toList();
    assertThat(lines).isNotEmpty().allMatch(line -> line.matches("layer \\d+\t\\d+x\\d+\t1"));
    return lines.size() == LAYERS;
  }

  @Override
  public void next(Path cache) {
    tune(cache);
  }

  @Test
  void keepsTilesWhole() throws Exception {
    Kills.check("tiles", folder, this);
  }

  @Test
  void twoTuneAtOnce() throws Exception {
    Kills.twoAtOnce(Files.createDirectory(folder.resolve("cold")), this);
  }
}
