package io.resfuse.data.dataset;

import io.resfuse.data.DataException;
import io.resfuse.data.SampleRandom;
import java.nio.file.Path;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/** Some pictures of another data set. */
final class Subset extends PicturesSubset<Dataset> implements Dataset {
  Subset(Dataset whole, int[] indices) {
    super(whole, indices);
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
  public int label(int index) {
    return whole.label(source(index));
  }

  @Override
  public @Nullable Path file(int index) {
    return whole.file(source(index));
  }

  @Override
  public long trait(int index) {
    return whole.trait(source(index));
  }

  @Override
  public @Nullable String preset() {
    return whole.preset();
  }
}
