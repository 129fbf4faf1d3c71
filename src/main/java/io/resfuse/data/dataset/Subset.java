package io.resfuse.data.dataset;

import io.resfuse.data.DataException;
import io.resfuse.data.SampleRandom;
import io.resfuse.data.image.Image;
import io.resfuse.data.image.PixelScratch;
import io.resfuse.data.image.Reduction;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** Some pictures of another data set. */
final class Subset implements Dataset {
  private final Dataset whole;
  private final int[] indices;

  Subset(Dataset whole, int[] indices) {
    for (int index : indices) {
      Objects.checkIndex(index, whole.size());
    }
    this.whole = whole;
    this.indices = indices;
  }

  static Dataset balanced(Dataset whole, int perClass, long seed) {
    int classes = whole.classes().size();
    int[][] chosen = new int[classes][perClass];
    int[] counts = new int[classes];
    for (int index : new SampleRandom(seed, 0, 0).permutation(whole.size())) {
      int label = whole.label(index);
      if (counts[label] < perClass) {
        chosen[label][counts[label]++] = index;
      }
    }
    for (int label = 0; label < classes; label++) {
      if (counts[label] < perClass) {
        throw new DataException(
            "%s: class '%s' has %d pictures, %d were asked for"
                .formatted(whole.name(), whole.classes().get(label), counts[label], perClass));
      }
    }
    return new Subset(whole, Arrays.stream(chosen).flatMapToInt(Arrays::stream).toArray());
  }

  @Override
  public String name() {
    return whole.name();
  }

  @Override
  public int size() {
    return indices.length;
  }

  @Override
  public List<String> classes() {
    return whole.classes();
  }

  @Override
  public int label(int index) {
    return whole.label(indices[index]);
  }

  @Override
  public Image image(int index) {
    return whole.image(indices[index]);
  }

  @Override
  public Image image(int index, PixelScratch scratch) {
    return whole.image(indices[index], scratch);
  }

  @Override
  public Image image(int index, PixelScratch scratch, Reduction needed) {
    return whole.image(indices[index], scratch, needed);
  }

  @Override
  public @Nullable Path file(int index) {
    return whole.file(indices[index]);
  }

  @Override
  public long trait(int index) {
    return whole.trait(indices[index]);
  }

  @Override
  public @Nullable String preset() {
    return whole.preset();
  }

  @Override
  public String describe(int index) {
    return whole.describe(indices[index]);
  }
}
