package io.resfuse.data.dataset;

import io.resfuse.data.DataException;
import io.resfuse.platform.Printable;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Another data set with its classes in another order, matched by name. */
final class ReorderedDataset extends PicturesView<Dataset> implements Dataset {
  private final List<String> classes;

  /** By the other's label. */
  private final int[] labels;

  ReorderedDataset(Dataset dataset, List<String> classes) {
    super(dataset);
    List<String> others = dataset.classes();
    Set<String> names = Set.copyOf(classes);
    if (others.size() != classes.size()
        || names.size() != classes.size()
        || !names.equals(Set.copyOf(others))) {
      throw new DataException(
          "%s: its classes are not called %s, each once"
              .formatted(Printable.of(dataset.name()), Printable.of(String.join(", ", classes))));
    }
    this.classes = List.copyOf(classes);
    this.labels = others.stream().mapToInt(classes::indexOf).toArray();
  }

  @Override
  public List<String> classes() {
    return classes;
  }

  @Override
  public int label(int index) {
    return labels[whole.label(index)];
  }

  @Override
  public @Nullable Path file(int index) {
    return whole.file(index);
  }

  @Override
  public long trait(int index) {
    return whole.trait(index);
  }

  @Override
  public @Nullable String preset() {
    return whole.preset();
  }
}
