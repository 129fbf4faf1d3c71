package io.resfuse.data.loader;

import io.resfuse.data.dataset.SegmentationDataset;
import io.resfuse.data.image.Preprocessing;
import io.resfuse.detect.BoxList;
import io.resfuse.tensor.TensorLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * One batch of a {@link Loader}. Its buffers belong to the loader and are used again: valid until
 * the next batch is asked for.
 */
public final class Batch {
  /** The label of a place without a picture. */
  public static final int NO_PICTURE = -1;

  private final TensorLayout layout;
  private final int[] samples;
  private final int[] labels;
  private final ByteBuffer pixels;
  private final @Nullable FloatBuffer images;
  private final @Nullable FloatBuffer targets;
  private final @Nullable ByteBuffer maps;
  private final BoxList[] boxes;
  private int index;
  private int count;

  Batch(
      Preprocessing preprocessing,
      int size,
      TensorLayout layout,
      boolean normalized,
      int targetClasses,
      boolean withMaps,
      boolean withBoxes) {
    this.layout = layout;
    this.samples = new int[size];
    this.labels = new int[size];
    int floats = Math.multiplyExact(size, preprocessing.floatsPerImage());
    this.pixels = ByteBuffer.allocateDirect(floats);
    this.images = normalized ? floats(floats) : null;
    this.targets = targetClasses == 0 ? null : floats(Math.multiplyExact(size, targetClasses));
    int plane = preprocessing.cropHeight() * preprocessing.cropWidth();
    this.maps = withMaps ? ByteBuffer.allocateDirect(Math.multiplyExact(size, plane)) : null;
    this.boxes = new BoxList[withBoxes ? size : 0];
    Arrays.setAll(boxes, place -> new BoxList());
  }

  private static FloatBuffer floats(int count) {
    return ByteBuffer.allocateDirect(Math.multiplyExact(4, count))
        .order(ByteOrder.nativeOrder())
        .asFloatBuffer();
  }

  /** Empties it for use as the batch of an index. */
  void begin(int newIndex) {
    index = newIndex;
    count = 0;
    Arrays.fill(labels, NO_PICTURE);
    Arrays.fill(samples, NO_PICTURE);
  }

  /** Notes that a place holds a sample. */
  void put(int place, int sample, int label) {
    samples[place] = sample;
    labels[place] = label;
    count++;
  }

  /**
   * Its number in the epoch.
   *
   * @return from 0
   */
  public int index() {
    return index;
  }

  /**
   * The number of places.
   *
   * @return the loader's batch size, or that of its part, always
   */
  public int size() {
    return labels.length;
  }

  /**
   * The number of places that hold a picture; less than the size only in evaluation.
   *
   * @return 0 to size
   */
  public int count() {
    return count;
  }

  /**
   * The class of each picture.
   *
   * @return the array itself; {@link #NO_PICTURE} where there is none, 0 where pictures have maps
   *     or boxes in place of a class
   */
  public int[] labels() {
    return labels;
  }

  /**
   * Which pictures of the data set these are.
   *
   * @return the array itself; {@link #NO_PICTURE} where there is none
   */
  public int[] samples() {
    return samples;
  }

  /**
   * The pictures as the network takes them.
   *
   * @return direct, in the loader's layout; zero where there is none; position and limit are to be
   *     left alone
   * @throws IllegalStateException if the epoch is one of pixels ({@link Loader#pixels})
   */
  public FloatBuffer images() {
    FloatBuffer present = images;
    if (present == null) {
      throw new IllegalStateException("this epoch is one of pixels; take pixels()");
    }
    return present;
  }

  /** Whether it has floats. */
  boolean isNormalized() {
    return images != null;
  }

  /**
   * The pictures before normalisation, for engines that normalise on their device.
   *
   * @return direct, (size, height, width, channels) in the network's order of channels, unsigned;
   *     position and limit are to be left alone
   */
  public ByteBuffer pixels() {
    return pixels;
  }

  /**
   * The share of each class in each picture, with the loader's label smoothing.
   *
   * @return direct, (size, classes), each row summing to 1; null unless the loader mixes pictures
   */
  public @Nullable FloatBuffer targets() {
    return targets;
  }

  /**
   * The classes of the pictures' pixels.
   *
   * @return direct, (size, height, width), unsigned; {@link SegmentationDataset#IGNORED} where the
   *     network's input has nothing of the picture, and where there is no picture; null unless the
   *     data set has maps
   */
  public @Nullable ByteBuffer maps() {
    return maps;
  }

  /**
   * The classes of the pictures' pixels as losses take them.
   *
   * @param labels gets a class per pixel (size, height, width), {@link #NO_PICTURE} where {@link
   *     #maps} has what is ignored
   * @throws IllegalStateException unless the data set has maps
   * @throws IllegalArgumentException if it is not as long as the maps
   */
  public void pixelLabels(int[] labels) {
    ByteBuffer present = maps;
    if (present == null) {
      throw new IllegalStateException("the data set has no maps");
    }
    if (labels.length != present.capacity()) {
      throw new IllegalArgumentException(
          "the batch has %d pixels, got place for %d".formatted(present.capacity(), labels.length));
    }
    for (int i = 0; i < labels.length; i++) {
      int label = present.get(i) & 0xff;
      labels[i] = label == SegmentationDataset.IGNORED ? NO_PICTURE : label;
    }
  }

  /**
   * The objects in a picture, in pixels of the network's input.
   *
   * @param place 0 to size - 1
   * @return the batch's own; empty where there is no picture
   * @throws IllegalStateException unless the data set has boxes
   */
  public BoxList boxes(int place) {
    if (boxes.length == 0) {
      throw new IllegalStateException("the data set has no boxes");
    }
    return boxes[place];
  }

  /** Whether pictures have boxes. */
  boolean hasBoxes() {
    return boxes.length > 0;
  }

  /**
   * The layout of {@link #images}.
   *
   * @return the loader's
   */
  public TensorLayout layout() {
    return layout;
  }
}
