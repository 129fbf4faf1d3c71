package io.resfuse.data.dataset;

import io.resfuse.data.DataException;
import io.resfuse.data.SampleRandom;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** Some pictures of another data set. */
final class Subset extends PicturesView<Dataset> implements Dataset {
  private final int[] indices;

  Subset(Dataset whole, int[] indices) {
    super(whole);
    for (int index : indices) {
      Objects.checkIndex(index, whole.size());
    }
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
  int source(int index) {
    return indices[index];
  }

  @Override
  public int size() {
    return indices.length;
  }

  @Override
  public int label(int index) {
    return whole.label(indices[index]);
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
}
