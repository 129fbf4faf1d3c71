package io.resfuse.data.dataset;

import io.resfuse.data.DataException;
import io.resfuse.data.image.Image;
import io.resfuse.data.image.ImageDecoder;
import io.resfuse.data.image.PixelScratch;
import io.resfuse.data.image.Reduction;
import io.resfuse.platform.FileNames;
import io.resfuse.platform.Printable;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;

/**
 * A folder of pictures, and one of masks with the same names (but for the ending) in the same
 * folders. Masks are PNGs whose palette indices or grey samples are classes, 255 for pixels that do
 * not count. Immutable; any thread may use it.
 */
public final class MaskDataset implements SegmentationDataset, DecodedPictures {
  /** The folder of pictures in a folder of both. */
  public static final String PICTURES = "pictures";

  /** The folder of masks in a folder of both. */
  public static final String MASKS = "masks";

  /** The list of classes in a folder of both. */
  public static final String CLASSES = "classes.txt";

  private static final int NO_CLASS = -1;

  private final String name;
  private final List<Path> pictures;
  private final List<Path> masks;
  private final List<String> classes;

  /** By a mask's number the class; {@link #NO_CLASS} where there is none. */
  private final int[] labels;

  private final ImageDecoder decoder;

  private MaskDataset(
      String name,
      List<Path> pictures,
      List<Path> masks,
      List<String> classes,
      int[] labels,
      ImageDecoder decoder) {
    this.name = name;
    this.pictures = pictures;
    this.masks = masks;
    this.classes = classes;
    this.labels = labels;
    this.decoder = decoder;
  }

  /**
   * Opens a folder that has both, as {@code resfuse scenes} writes it.
   *
   * @param folder with {@value #PICTURES}, {@value #MASKS} and {@value #CLASSES}: a class per line,
   *     that of number 0 first
   * @param decoder for the pictures
   * @return the data set
   * @throws DataException as {@link #open(Path, Path, List, ImageDecoder)}
   */
  public static MaskDataset open(Path folder, ImageDecoder decoder) {
    return open(
        folder.resolve(PICTURES), folder.resolve(MASKS), names(folder.resolve(CLASSES)), decoder);
  }

  /**
   * Opens two folders.
   *
   * @param pictures and folders of pictures
   * @param masks a PNG for each picture; others are passed over
   * @param classes of the masks' numbers, 0 first; 1 to 255 different names
   * @param decoder for both
   * @return the data set, in the order of the pictures' names
   * @throws DataException if there are no pictures, one has no mask, or classes are missing or
   *     there twice
   */
  public static MaskDataset open(
      Path pictures, Path masks, List<String> classes, ImageDecoder decoder) {
    List<Path> found = PictureFiles.in(pictures);
    if (found.isEmpty()) {
      throw new DataException(
          "%s: has no pictures (%s)"
              .formatted(FileNames.shown(pictures), String.join(", ", PictureFiles.ENDINGS)));
    }
    requireClasses(FileNames.shown(pictures), classes);
    List<Path> ofPictures = new ArrayList<>();
    for (Path picture : found) {
      Path mask = masks.resolve(pictures.relativize(picture)).resolveSibling(maskName(picture));
      if (!Files.isRegularFile(mask)) {
        throw new DataException(
            "%s: has no mask; %s is missing"
                .formatted(FileNames.shown(picture), FileNames.shown(mask)));
      }
      ofPictures.add(mask);
    }
    int[] labels = new int[IGNORED];
    Arrays.setAll(labels, i -> i < classes.size() ? i : NO_CLASS);
    return new MaskDataset(
        FileNames.text(pictures), found, ofPictures, List.copyOf(classes), labels, decoder);
  }

  private static Path maskName(Path picture) {
    String raw = FileNames.raw(picture.getFileName());
    return FileNames.ofRaw(raw.substring(0, raw.lastIndexOf('.')) + ".png");
  }

  private static void requireClasses(String where, List<String> classes) {
    if (classes.isEmpty() || classes.size() > IGNORED) {
      throw new DataException(
          "%s: masks have 1 to %d classes, got %d".formatted(where, IGNORED, classes.size()));
    }
    if (new HashSet<>(classes).size() < classes.size()) {
      throw new DataException(
          "%s: two of its classes have one name: %s"
              .formatted(where, Printable.of(String.join(", ", classes))));
    }
  }

  private static List<String> names(Path file) {
    try {
      String text = Files.readString(file, StandardCharsets.UTF_8);
      return text.lines().map(String::strip).filter(line -> !line.isEmpty()).toList();
    } catch (NoSuchFileException e) {
      throw new DataException(
          FileNames.shown(file)
              + ": no such file; write the classes of the masks' numbers to it, one a line, that of"
              + " 0 first",
          e);
    } catch (IOException e) {
      throw new DataException(FileNames.shown(file) + ": cannot be read as UTF-8: " + e, e);
    }
  }

  /**
   * The same with the classes in another order, matched by name.
   *
   * @param names each of its classes; others may be among them
   * @return masks with numbers that are positions in that list
   * @throws DataException if a class is not in the list
   */
  public MaskDataset withClasses(List<String> names) {
    requireClasses(Printable.of(name), names);
    int[] moved = labels.clone();
    for (int i = 0; i < moved.length; i++) {
      if (labels[i] != NO_CLASS) {
        moved[i] = names.indexOf(classes.get(labels[i]));
        if (moved[i] < 0) {
          throw new DataException(
              "%s: class '%s' is none of %s"
                  .formatted(
                      Printable.of(name),
                      Printable.of(classes.get(labels[i])),
                      Printable.of(String.join(", ", names))));
        }
      }
    }
    return new MaskDataset(name, pictures, masks, List.copyOf(names), moved, decoder);
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public int size() {
    return pictures.size();
  }

  @Override
  public List<String> classes() {
    return classes;
  }

  @Override
  public Image image(int index, PixelScratch scratch, Reduction needed) {
    return decoder.read(pictures.get(index), scratch, needed);
  }

  @Override
  public Image map(int index) {
    Image map = decoder.readIndices(masks.get(index));
    byte[] pixels = map.pixels();
    for (int i = 0; i < pixels.length; i++) {
      int number = pixels[i] & 0xff;
      if (number != IGNORED) {
        if (labels[number] == NO_CLASS) {
          throw new DataException(
              "%s: pixel (%d, %d) has number %d; there are %d classes from 0 (%s), and %d for what does not count"
                  .formatted(
                      FileNames.shown(masks.get(index)),
                      i % map.width(),
                      i / map.width(),
                      number,
                      Arrays.stream(labels).filter(label -> label != NO_CLASS).count(),
                      Printable.beginning(classes, 12),
                      IGNORED));
        }
        pixels[i] = (byte) labels[number];
      }
    }
    return map;
  }

  @Override
  public String describe(int index) {
    return FileNames.shown(pictures.get(index));
  }
}
