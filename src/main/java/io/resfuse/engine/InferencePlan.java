package io.resfuse.engine;

import io.resfuse.tensor.Shape;
import java.nio.ByteBuffer;
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
   * @throws IllegalStateException if closed, if the plan takes pixels, or if its input is on the
   *     device
   */
  FloatBuffer input();

  /**
   * Where the caller writes the images of a plan that takes pixels: direct, one unsigned byte per
   * sample, (batch, height, width, channels) whatever the layout. They are normalised on the
   * engine's device.
   *
   * @return the same buffer always; its position and limit are not used
   * @throws IllegalStateException if closed, or if the request did not ask for pixels
   */
  default ByteBuffer pixels() {
    throw new IllegalStateException("this plan takes floats: write them to input()");
  }

  /**
   * Where the caller writes the images of a plan whose input is on the device: float32 in the
   * request's layout, without gaps, already normalised. A run may write over it. What the caller
   * writes has to have arrived when {@link #run} is called: a run does not wait for the caller's
   * streams, and CUDA's copies within the device do not wait for themselves.
   *
   * @return an address of the device's memory, the same always; for CUDA a {@code CUdeviceptr}
   * @throws IllegalStateException if closed, or if the request did not ask for it
   */
  default long deviceInput() {
    throw new IllegalStateException("this plan's input is on the host: write it to input()");
  }

  /**
   * Where the caller reads an output of a plan whose outputs are on the device, after {@link #run}:
   * float32 in the request's layout, without gaps.
   *
   * @param name one of the request's outputs
   * @return an address of the device's memory, the same always; for CUDA a {@code CUdeviceptr}
   * @throws IllegalStateException if closed, or if the request did not ask for it
   * @throws IllegalArgumentException if the request has no such output
   */
  default long deviceOutput(String name) {
    throw new IllegalStateException("this plan's outputs are on the host: read them by output()");
  }

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
   * @throws IllegalStateException if closed, or if the outputs are on the device
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
