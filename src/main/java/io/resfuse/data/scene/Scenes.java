package io.resfuse.data.scene;

import io.resfuse.data.DataException;
import io.resfuse.data.SampleRandom;
import io.resfuse.data.dataset.CocoDataset;
import io.resfuse.data.dataset.Dataset;
import io.resfuse.data.dataset.DetectionDataset;
import io.resfuse.data.dataset.Pictures;
import io.resfuse.data.dataset.SegmentationDataset;
import io.resfuse.data.image.Image;
import io.resfuse.detect.BoxList;
import io.resfuse.platform.Printable;
import java.util.ArrayList;
import java.util.List;

/**
 * Scenes made of grey pictures of single objects on black, as Fashion-MNIST's: three to six, each
 * at a place, of a size and in a colour of its own, some mirrored, later ones over earlier ones, on
 * ground with a pattern. Every scene is a function of the objects, the seed and its number: the
 * same on any thread and in any order. Scenes of Fashion-MNIST's training part and of its test part
 * have no garment in common.
 *
 * <p>Of every garment in a scene at least {@link #LEAST_VISIBLE} of its pixels are seen: one that
 * would hide more of another, or is hidden by the edge of the picture, is put elsewhere, and after
 * some tries left out. So nothing has to be dropped or marked afterwards.
 *
 * <p>Immutable but for the last scene that each thread has made; any thread may use it.
 */
public final class Scenes {
  /** The share of a garment's pixels that is seen at least. */
  public static final double LEAST_VISIBLE = 0.3;

  /** The smallest side of a scene in pixels. */
  public static final int LEAST_SIZE = 32;

  private static final int MOST_SIZE = 4096;

  private final Dataset objects;
  private final int count;
  private final long seed;
  private final int size;
  private final ThreadLocal<Composer> composers;

  /**
   * Scenes.
   *
   * @param objects grey pictures of one size, an object on black each; at most 254 classes
   * @param count how many scenes there are
   * @param seed decides what is in them
   * @param size width and height of each in pixels, from {@link #LEAST_SIZE} on
   * @throws IllegalArgumentException if a number is out of range
   * @throws DataException if the pictures are not grey
   */
  public Scenes(Dataset objects, int count, long seed, int size) {
    if (count < 1 || size < LEAST_SIZE || size > MOST_SIZE) {
      throw new IllegalArgumentException(
          "scenes: at least 1 of %d to %d pixels a side, got %d of %d"
              .formatted(LEAST_SIZE, MOST_SIZE, count, size));
    }
    if (objects.image(0).channels() != 1
        || objects.classes().size() >= SegmentationDataset.IGNORED) {
      throw new DataException(
          "%s: scenes are made of grey pictures of at most %d classes, as Fashion-MNIST's"
              .formatted(Printable.of(objects.name()), SegmentationDataset.IGNORED - 1));
    }
    this.objects = objects;
    this.count = count;
    this.seed = seed;
    this.size = size;
    this.composers = ThreadLocal.withInitial(() -> new Composer(objects, size));
  }

  /**
   * The number of scenes.
   *
   * @return at least 1
   */
  public int count() {
    return count;
  }

  /**
   * The side of a scene.
   *
   * @return width and height in pixels
   */
  public int size() {
    return size;
  }

  /**
   * The garments' classes.
   *
   * @return their names
   */
  public List<String> classes() {
    return objects.classes();
  }

  /**
   * Makes a scene.
   *
   * @param index 0 to count - 1
   * @return the scene, to be read only
   */
  public Scene scene(int index) {
    if (index < 0 || index >= count) {
      throw new IndexOutOfBoundsException("scene " + index + " of " + count);
    }
    return composers.get().compose(new SampleRandom(seed, 0, index), index);
  }

  /**
   * The scenes with their maps. Class 0 is {@link CocoDataset#BACKGROUND}, the others are the
   * garments'.
   *
   * @return a view
   */
  public SegmentationDataset maps() {
    return new Maps();
  }

  /**
   * The scenes with their boxes.
   *
   * @return a view
   */
  public DetectionDataset boxes() {
    return new Boxes();
  }

  private abstract class View implements Pictures {
    @Override
    public String name() {
      return "scenes of " + objects.name();
    }

    @Override
    public int size() {
      return count;
    }

    @Override
    public Image image(int index) {
      return scene(index).picture();
    }
  }

  private final class Maps extends View implements SegmentationDataset {
    private final List<String> classes = new ArrayList<>();

    Maps() {
      classes.add(CocoDataset.BACKGROUND);
      classes.addAll(objects.classes());
    }

    @Override
    public List<String> classes() {
      return List.copyOf(classes);
    }

    @Override
    public Image map(int index) {
      return scene(index).map();
    }
  }

  private final class Boxes extends View implements DetectionDataset {
    @Override
    public List<String> classes() {
      return objects.classes();
    }

    @Override
    public BoxList boxes(int index) {
      return scene(index).garments();
    }
  }

  @Override
  public String toString() {
    return "%d scenes of %d x %d by seed %d".formatted(count, size, size, seed);
  }
}
