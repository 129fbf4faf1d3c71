package io.resfuse.data.dataset;

import io.resfuse.data.DataException;
import io.resfuse.data.image.Image;
import io.resfuse.data.image.PixelScratch;
import io.resfuse.data.image.Reduction;
import io.resfuse.platform.Printable;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Another data set with its classes in another order, matched by name. */
final class ReorderedDataset implements Dataset {
  private final Dataset dataset;
  private final List<String> classes;

  /** By the other's label. */
  private final int[] labels;

  ReorderedDataset(Dataset dataset, List<String> classes) {
    List<String> others = dataset.classes();
    Set<String> names = Set.copyOf(classes);
    if (others.size() != classes.size()
        || names.size() != classes.size()
        || !names.equals(Set.copyOf(others))) {
      throw new DataException(
          "%s: its classes are not called %s, each once"
              .formatted(Printable.of(dataset.name()), Printable.of(String.join(", ", classes))));
    }
    this.dataset = dataset;
    this.classes = List.copyOf(classes);
    this.labels = others.stream().mapToInt(classes::indexOf).toArray();
  }

  @Override
  public String name() {
    return dataset.name();
  }

  @Override
  public int size() {
    return dataset.size();
  }

  @Override
  public List<String> classes() {
    return classes;
  }

  @Override
  public int label(int index) {
    return labels[dataset.label(index)];
  }

  @Override
  public Image image(int index) {
    return dataset.image(index);
  }

  @Override
  public Image image(int index, PixelScratch scratch) {
    return dataset.image(index, scratch);
  }

  @Override
  public Image image(int index, PixelScratch scratch, Reduction needed) {
    return dataset.image(index, scratch, needed);
  }

  @Override
  public @Nullable Path file(int index) {
    return dataset.file(index);
  }

  @Override
  public long trait(int index) {
    return dataset.trait(index);
  }

  @Override
  public @Nullable String preset() {
    return dataset.preset();
  }

  @Override
  public String describe(int index) {
    return dataset.describe(index);
  }
}
