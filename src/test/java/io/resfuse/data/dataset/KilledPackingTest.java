package io.resfuse.data.dataset;

import io.resfuse.ChildJvm;
import io.resfuse.Kills;
import io.resfuse.data.image.Image;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Packing two thousand pictures. */
class KilledPackingTest implements Kills.Work {
  private static final String RESULT = "pictures.pack";

  @TempDir Path folder;

  private record Grey(int size) implements Dataset {
    @Override
    public String name() {
      return "grey";
    }

    @Override
    public List<String> classes() {
      return List.of("even", "odd");
    }

    @Override
    public int label(int index) {
      return index % 2;
    }

    @Override
    public Image image(int index) {
      byte[] pixels = new byte[64 * 64];
      Arrays.fill(pixels, (byte) index);
      return Image.grey(64, 64, pixels);
    }
  }

  static final class Packing {
    public static void main(String[] arguments) {
      System.out.println("begin");
      pack(Path.of(arguments[0]));
      System.out.println("end");
    }
  }

  private static void pack(Path folder) {
    new DatasetPacker(0, 2, (done, total) -> {}).pack(new Grey(2000), null, folder.resolve(RESULT));
  }

  @Override
  public ProcessBuilder process(Path place) {
    return ChildJvm.command(List.of(), Packing.class, place);
  }

  /** Opening checks the index; every picture has a checksum. */
  @Override
  public boolean isDone(Path place) {
    if (!Files.exists(place.resolve(RESULT))) {
      return false;
    }
    PackedDataset packed = PackedDataset.open(place.resolve(RESULT), Split.TRAIN);
    for (int i = 0; i < packed.size(); i++) {
      packed.image(i);
    }
    return packed.size() == 2000;
  }

  @Override
  public void next(Path place) {
    pack(place);
  }

  @Test
  void packsWhole() throws Exception {
    Kills.check("packing", folder, this);
  }
}
