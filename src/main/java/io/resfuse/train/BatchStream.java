package io.resfuse.train;

import java.nio.ByteBuffer;
import java.nio.FloatBuffer;
import org.jspecify.annotations.Nullable;

/**
 * The batches of an epoch, one at a time: what the other methods give is that of the last {@link
 * #advance}, in buffers that the next one may use again. For one consumer.
 */
public interface BatchStream extends AutoCloseable {
  /**
   * Takes the next batch; waits for it if it is not ready.
   *
   * @return false if there is none left
   */
  boolean advance();

  /**
   * The network's input.
   *
   * @return (batch, channels, height, width); position and limit are to be left alone
   * @throws IllegalStateException if this is a stream of pixels
   */
  FloatBuffer images();

  /**
   * The pictures before normalisation.
   *
   * @return (batch, height, width, channels), unsigned, position and limit to be left alone; null
   *     if this is a stream of floats
   */
  default @Nullable ByteBuffer pixels() {
    return null;
  }

  /**
   * The class of each picture.
   *
   * @return the array itself; -1 where there is no picture, 0 where pixels have classes
   */
  int[] labels();

  /**
   * The class of each pixel.
   *
   * @return (batch, height, width), the array itself; -1 where there is none; null if pixels have
   *     no classes
   */
  default int @Nullable [] pixelLabels() {
    return null;
  }

  /**
   * Which pictures these are.
   *
   * @return the array itself; -1 where there is no picture
   */
  int[] samples();

  /**
   * The share of each class in each picture.
   *
   * @return (batch, classes), or null if the labels are all there is
   */
  @Nullable FloatBuffer targets();

  /**
   * Pictures that could not be read so far, each counted as often as it was asked for.
   *
   * @return at least 0
   */
  long unreadable();

  /**
   * The share of the consumer's time so far that it waited for batches.
   *
   * @return 0 to 1
   */
  double waitedShare();

  /** Ends what works ahead. Idempotent. */
  @Override
  void close();
}
