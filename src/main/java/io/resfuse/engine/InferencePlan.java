package io.resfuse.engine;

import io.resfuse.tensor.Shape;
import java.nio.FloatBuffer;

/**
 * A network made ready to run on one batch and image size. One owner: not thread-safe. {@link #run}
 * allocates nothing.
 */
public interface InferencePlan extends AutoCloseable {
  /**
   * What it was made for.
   *
   * @return the request
   */
  PlanRequest request();

  /**
   * Where the caller writes the images: direct, in the request's layout, already normalised.
   *
   * @return the same buffer always; its position and limit are not used
   * @throws IllegalStateException if closed
   */
  FloatBuffer input();

  /**
   * Runs the network on the input.
   *
   * @throws IllegalStateException if closed
   */
  void run();

  /**
   * Where the caller reads an output after {@link #run}: direct, in the request's layout.
   *
   * @param name one of the request's outputs
   * @return the same buffer always
   * @throws IllegalStateException if closed
   * @throws IllegalArgumentException if the request has no such output
   */
  FloatBuffer output(String name);

  /**
   * The shape of an output.
   *
   * @param name one of the request's outputs
   * @return (batch, channels, height, width) whatever the layout, or (batch, channels)
   */
  Shape outputShape(String name);

  /**
   * What it allocated.
   *
   * @return bytes
   */
  PlanMemory memory();

  /** Frees it. Idempotent; running a closed plan throws. */
  @Override
  void close();
}
