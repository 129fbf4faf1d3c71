package io.resfuse.data.dataset;

import io.resfuse.data.DataException;
import io.resfuse.data.image.Image;
import io.resfuse.data.image.ImageException;
import io.resfuse.data.image.PixelScratch;
import io.resfuse.data.image.Reduction;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Labelled pictures, by their number. Any thread may use it, many at a time. */
public interface Dataset {
  /**
   * The name in messages.
   *
   * @return where it comes from
   */
  String name();

  /**
   * The number of pictures.
   *
   * @return at least 1
   */
  int size();

  /**
   * The classes' names; a label is a position in this list.
   *
   * @return at least one
   */
  List<String> classes();

  /**
   * The class of a picture.
   *
   * @param index 0 to size - 1
   * @return 0 to classes - 1
   */
  int label(int index);

  /**
   * Reads a picture.
   *
   * @param index 0 to size - 1
   * @return the picture, which the caller must not write to
   * @throws ImageException if it cannot be read
   */
  Image image(int index);

  /**
   * Reads a picture, where that helps into memory that is used again.
   *
   * @param index 0 to size - 1
   * @param scratch where the pixels may go
   * @return the picture, until the scratch is used again; the caller must not write to it
   * @throws ImageException if it cannot be read
   */
  default Image image(int index, PixelScratch scratch) {
    return image(index);
  }

  /**
   * Reads as much of a picture as is needed.
   *
   * @param index 0 to size - 1
   * @param scratch where the pixels may go
   * @param needed of the picture
   * @return the picture, or a smaller one where that is less work; until the scratch is used again;
   *     the caller must not write to it
   * @throws ImageException if it cannot be read
   */
  default Image image(int index, PixelScratch scratch, Reduction needed) {
    return image(index, scratch);
  }

  /**
   * What to call a picture in messages.
   *
   * @param index 0 to size - 1
   * @return its file, or the data set and the index
   */
  default String describe(int index) {
    return name() + "[" + index + "]";
  }

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
