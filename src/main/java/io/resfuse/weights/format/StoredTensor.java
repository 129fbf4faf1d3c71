package io.resfuse.weights.format;

import io.resfuse.platform.Printable;
import io.resfuse.tensor.DataType;
import io.resfuse.tensor.HostTensor;
import io.resfuse.tensor.Shape;
import java.nio.FloatBuffer;
import java.util.function.Supplier;

/**
 * A named tensor of a file, not yet read. Immutable and thread-safe.
 *
 * <p>The shape is the file's own: TensorFlow's convolution kernels are (height, width, in, out).
 */
public final class StoredTensor {
  private final String name;
  private final DataType type;
  private final Shape shape;
  private final Supplier<HostTensor> source;

  /**
   * A tensor that can be read.
   *
   * @param name in the file
   * @param type of its elements there
   * @param shape there
   * @param source reads or maps the elements
   */
  public StoredTensor(String name, DataType type, Shape shape, Supplier<HostTensor> source) {
    this.name = name;
    this.type = type;
    this.shape = shape;
    this.source = source;
  }

  /**
   * Its name in the file.
   *
   * @return for example {@code layer1.0.conv1.weight}
   */
  public String name() {
    return name;
  }

  /**
   * The element type in the file. Quantised TensorFlow.js weights have the type that they are
   * restored to, float32.
   *
   * @return any type
   */
  public DataType type() {
    return type;
  }

  /**
   * The dimensions in the file.
   *
   * @return the shape
   */
  public Shape shape() {
    return shape;
  }

  /**
   * The elements as float32. Where the file has contiguous, aligned float32 this is a read-only
   * view of the mapped file; else a converted copy on the heap. 64-bit values are rounded.
   *
   * @return a tensor of {@link #shape()}
   * @throws WeightsException if they cannot be read
   */
  public HostTensor load() {
    return source.get();
  }

  /**
   * Reads all elements and counts.
   *
   * @return smallest, largest, and how many are not finite
   * @throws WeightsException if they cannot be read
   */
  public Statistics statistics() {
    FloatBuffer elements = load().buffer();
    float[] chunk = new float[4096];
    float min = Float.POSITIVE_INFINITY;
    float max = Float.NEGATIVE_INFINITY;
    double sum = 0;
    long nan = 0;
    long infinite = 0;
    long finite = 0;
    while (elements.hasRemaining()) {
      int count = Math.min(chunk.length, elements.remaining());
      elements.get(chunk, 0, count);
      for (int i = 0; i < count; i++) {
        float value = chunk[i];
        if (Float.isNaN(value)) {
          nan++;
        } else if (Float.isInfinite(value)) {
          infinite++;
        } else {
          min = Math.min(min, value);
          max = Math.max(max, value);
          sum += value;
          finite++;
        }
      }
    }
    return finite == 0
        ? new Statistics(Float.NaN, Float.NaN, Double.NaN, nan, infinite)
        : new Statistics(min, max, sum / finite, nan, infinite);
  }

  /**
   * What the elements are like.
   *
   * @param min smallest finite element, NaN if there is none
   * @param max largest finite element, NaN if there is none
   * @param mean of the finite elements, NaN if there is none
   * @param nanCount how many are NaN
   * @param infiniteCount how many are infinite
   */
  public record Statistics(float min, float max, double mean, long nanCount, long infiniteCount) {}

  @Override
  public String toString() {
    return Printable.of(name) + " " + type + " " + shape;
  }
}
