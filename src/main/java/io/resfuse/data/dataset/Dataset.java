package io.resfuse.data.dataset;

import io.resfuse.data.DataException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** Pictures with a class each. Any thread may use it, many at a time. */
public interface Dataset extends Pictures {
  /**
   * The class of a picture.
   *
   * @param index 0 to size - 1
   * @return 0 to classes - 1
   */
  int label(int index);

  /**
   * How the pictures are usually prepared.
   *
   * @return the name of a preset of {@link io.resfuse.data.image.Preprocessing} that was made for
   *     this data set, by what its files are and not by what they are called; null if there is none
   */
  default @Nullable String preset() {
    return null;
  }

  /**
   * The file that a picture is in.
   *
   * @param index 0 to size - 1
   * @return a file with nothing else in it; null if there is none
   */
  default @Nullable Path file(int index) {
    return null;
  }

  /**
   * A number that pictures with the same contents share, and that is had without reading them.
   *
   * @param index 0 to size - 1
   * @return any number; 0 where none is known
   */
  default long trait(int index) {
    return 0;
  }

  /**
   * Some of the pictures, with the same classes.
   *
   * @param indices of the pictures, in the order wanted
   * @return a view
   * @throws IndexOutOfBoundsException if an index is not below the size
   */
  default Dataset subset(int... indices) {
    return new Subset(this, indices.clone());
  }

  /**
   * As many pictures of each class, drawn at random: what a small training set wants.
   *
   * @param perClass of each class
   * @param seed of the draw
   * @return a view, class after class
   * @throws DataException if a class has fewer
   */
  default Dataset balancedSubset(int perClass, long seed) {
    return Subset.balanced(this, perClass, seed);
  }
}
