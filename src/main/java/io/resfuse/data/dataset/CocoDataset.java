package io.resfuse.data.dataset;

import io.resfuse.data.DataException;
import io.resfuse.data.image.Image;
import io.resfuse.data.image.ImageDecoder;
import io.resfuse.data.image.ImageException;
import io.resfuse.data.image.PixelScratch;
import io.resfuse.data.image.Reduction;
import io.resfuse.detect.BoxList;
import io.resfuse.platform.FileNames;
import io.resfuse.platform.Printable;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;

/**
 * Pictures with objects as COCO describes them: one JSON file of {@code images}, {@code categories}
 * and {@code annotations}, and a folder of pictures. Gives boxes, and maps in which the objects'
 * pixels have their classes. Immutable; any thread may use it.
 */
public final class CocoDataset {
  /** The JSON file in a folder that has the pictures, too. */
  public static final String ANNOTATIONS = "annotations.json";

  /** The first class of maps. */
  public static final String BACKGROUND = "background";

  private final String name;
  private final List<String> classes;
  private final List<Entry> entries;
  private final ImageDecoder decoder;

  /** A picture; the labels of its objects are positions in the list of classes. */
  record Entry(Path file, int width, int height, BoxList boxes, List<Region> regions) {}

  private CocoDataset(
      String name, List<String> classes, List<Entry> entries, ImageDecoder decoder) {
    this.name = name;
    this.classes = classes;
    this.entries = entries;
    this.decoder = decoder;
  }

  /**
   * Opens a folder that has both, as {@code resfuse scenes} writes it.
   *
   * @param folder with {@value #ANNOTATIONS} and {@value MaskDataset#PICTURES}
   * @param decoder for the pictures
   * @return the data set
   * @throws DataException as {@link #open(Path, Path, ImageDecoder)}
   */
  public static CocoDataset open(Path folder, ImageDecoder decoder) {
    return open(folder.resolve(ANNOTATIONS), folder.resolve(MaskDataset.PICTURES), decoder);
  }

  /**
   * Opens a file of annotations. Classes are its categories in the order of their ids.
   *
   * @param annotations a JSON file of instances
   * @param pictures where {@code file_name}s begin
   * @param decoder for the pictures
   * @return the data set, in the file's order
   * @throws DataException if the file is not of that kind, a category or picture is not there, or a
   *     region is malformed
   */
  public static CocoDataset open(Path annotations, Path pictures, ImageDecoder decoder) {
    CocoReader reader = new CocoReader(annotations, pictures);
    reader.read();
    return new CocoDataset(
        FileNames.text(annotations), reader.classes(), reader.entries(), decoder);
  }

  /**
   * The classes of the boxes.
   *
   * @return at least one
   */
  public List<String> classes() {
    return classes;
  }

  /**
   * The same with the classes in another order, matched by name.
   *
   * @param names each of its classes; others may be among them
   * @return a data set whose boxes have labels that are positions in that list
   * @throws DataException if a class is not in the list, or one is there twice
   */
  public CocoDataset withClasses(List<String> names) {
    if (new HashSet<>(names).size() < names.size()) {
      throw new DataException(
          "%s: a class is asked for twice: %s"
              .formatted(Printable.of(name), Printable.of(String.join(", ", names))));
    }
    int[] moved = new int[classes.size()];
    for (int i = 0; i < moved.length; i++) {
      moved[i] = names.indexOf(classes.get(i));
      if (moved[i] < 0) {
        throw new DataException(
            "%s: class '%s' is none of %s"
                .formatted(
                    Printable.of(name),
                    Printable.of(classes.get(i)),
                    Printable.of(String.join(", ", names))));
      }
    }
    List<Entry> changed = new ArrayList<>();
    for (Entry entry : entries) {
      BoxList boxes = new BoxList();
      for (int i = 0; i < entry.boxes.size(); i++) {
        boxes.add(
            entry.boxes.left(i),
            entry.boxes.top(i),
            entry.boxes.right(i),
            entry.boxes.bottom(i),
            moved[entry.boxes.label(i)],
            entry.boxes.area(i),
            entry.boxes.ignored(i));
      }
      changed.add(new Entry(entry.file, entry.width, entry.height, boxes, entry.regions));
    }
    return new CocoDataset(name, List.copyOf(names), changed, decoder);
  }

  /**
   * Pictures with boxes. Crowds are ignored boxes.
   *
   * @return a view
   */
  public DetectionDataset boxes() {
    return new Boxes();
  }

  /**
   * Pictures with maps. Class 0 is {@value #BACKGROUND}, the others are the boxes' plus 1. Pixels
   * of objects of several classes are ignored, and so are those of crowds that are no other
   * object's.
   *
   * @return a view
   * @throws DataException if there are more classes than a map has numbers, or one is called
   *     {@value #BACKGROUND}
   */
  public SegmentationDataset maps() {
    if (classes.size() > SegmentationDataset.IGNORED - 1 || classes.contains(BACKGROUND)) {
      throw new DataException(
          "%s: maps have at most %d classes beside '%s', got %d"
              .formatted(
                  Printable.of(name), SegmentationDataset.IGNORED - 1, BACKGROUND, classes.size()));
    }
    return new Maps();
  }

  private abstract class View implements DecodedPictures {
    @Override
    public String name() {
      return name;
    }

    @Override
    public int size() {
      return entries.size();
    }

    @Override
    public Image image(int index, PixelScratch scratch, Reduction needed) {
      Entry entry = entries.get(index);
      Image image = decoder.read(entry.file, scratch, Reduction.NONE.withAlpha(needed.alpha()));
      if (image.width() != entry.width || image.height() != entry.height) {
        throw new ImageException(
            "%s: is %s, its annotations are of %d x %d pixels"
                .formatted(describe(index), image, entry.width, entry.height));
      }
      return image;
    }

    @Override
    public String describe(int index) {
      return FileNames.shown(entries.get(index).file);
    }
  }

  private final class Boxes extends View implements DetectionDataset {
    @Override
    public List<String> classes() {
      return classes;
    }

    @Override
    public BoxList boxes(int index) {
      return entries.get(index).boxes;
    }
  }

  private final class Maps extends View implements SegmentationDataset {
    private final List<String> all = new ArrayList<>();

    Maps() {
      all.add(BACKGROUND);
      all.addAll(classes);
    }

    @Override
    public List<String> classes() {
      return List.copyOf(all);
    }

    @Override
    public Image map(int index) {
      Entry entry = entries.get(index);
      byte[] map = new byte[Math.multiplyExact(entry.width, entry.height)];
      for (int i = 0; i < entry.boxes.size(); i++) {
        if (!entry.boxes.ignored(i)) {
          byte label = (byte) (1 + entry.boxes.label(i));
          entry
              .regions
              .get(i)
              .forEach(
                  entry.height,
                  entry.width,
                  p -> map[p] = map[p] == 0 || map[p] == label ? label : (byte) IGNORED);
        }
      }
      for (int i = 0; i < entry.boxes.size(); i++) {
        if (entry.boxes.ignored(i)) {
          entry
              .regions
              .get(i)
              .forEach(
                  entry.height, entry.width, p -> map[p] = map[p] == 0 ? (byte) IGNORED : map[p]);
        }
      }
      return Image.grey(entry.width, entry.height, map);
    }
  }
}
