package io.resfuse.quantize;

import java.nio.FloatBuffer;

/** Pictures that stand for those to come, prepared as the network wants them. Thread-safe. */
public interface Pictures {
  /**
   * How many there are.
   *
   * @return at least 0
   */
  int count();

  /**
   * Rows of all of them.
   *
   * @return at least 1
   */
  int height();

  /**
   * Columns of all of them.
   *
   * @return at least 1
   */
  int width();

  /**
   * Writes one.
   *
   * @param index from 0 on
   * @param target (channels, height, width) floats from its index 0 on
   */
  void write(int index, FloatBuffer target);
}
