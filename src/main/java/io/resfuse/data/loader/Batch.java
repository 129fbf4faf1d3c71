package io.resfuse.data.loader;

import io.resfuse.data.image.Preprocessing;
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
  private int index;
  private int count;

  Batch(
      Preprocessing preprocessing,
      int size,
      TensorLayout layout,
      boolean normalized,
      int targetClasses) {
    this.layout = layout;
    this.samples = new int[size];
    this.labels = new int[size];
    int floats = Math.multiplyExact(size, preprocessing.floatsPerImage());
    this.pixels = ByteBuffer.allocateDirect(floats);
    this.images = normalized ? floats(floats) : null;
    this.targets = targetClasses == 0 ? null : floats(Math.multiplyExact(size, targetClasses));
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
   * @return the array itself; {@link #NO_PICTURE} where there is none
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
   * The layout of {@link #images}.
   *
   * @return the loader's
   */
  public TensorLayout layout() {
    return layout;
  }
}
