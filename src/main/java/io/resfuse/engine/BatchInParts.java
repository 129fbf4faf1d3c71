package io.resfuse.engine;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The host's buffers of a batch of which plans run parts: for engines whose batches do not run as a
 * whole. Parts may run at the same time if they have no image in common; their buffers' positions
 * are not touched.
 */
public final class BatchInParts {
  private final int images;
  private final @Nullable FloatBuffer input;
  private final @Nullable ByteBuffer pixels;
  private final Map<String, FloatBuffer> outputs = new LinkedHashMap<>();

  /**
   * Buffers that are as long, image by image, as those of a plan.
   *
   * @param request of the whole batch, which lies in the host's memory
   * @param part a plan of any number of images that else was made for the same
   */
  public BatchInParts(PlanRequest request, InferencePlan part) {
    this.images = request.batch();
    int ofPart = part.request().batch();
    boolean takesFloats = request.scaling() == null;
    this.input = takesFloats ? floats(part.input().capacity() / ofPart) : null;
    this.pixels =
        takesFloats
            ? null
            : ByteBuffer.allocateDirect(
                Math.multiplyExact(images, part.pixels().capacity() / ofPart));
    for (String name : request.outputs()) {
      outputs.put(name, floats(part.output(name).capacity() / ofPart));
    }
  }

  private FloatBuffer floats(int perImage) {
    int count = Math.multiplyExact(images, perImage);
    return ByteBuffer.allocateDirect(Math.multiplyExact(Float.BYTES, count))
        .order(ByteOrder.nativeOrder())
        .asFloatBuffer();
  }

  /**
   * Where the caller writes floats.
   *
   * @return those of all images
   * @throws IllegalStateException if the plans take pixels
   */
  public FloatBuffer input() {
    if (input == null) {
      throw new IllegalStateException("this plan takes pixels: write them to pixels()");
    }
    return input;
  }

  /**
   * Where the caller writes pixels.
   *
   * @return those of all images
   * @throws IllegalStateException if the plans take floats
   */
  public ByteBuffer pixels() {
    if (pixels == null) {
      throw new IllegalStateException("this plan takes floats: write them to input()");
    }
    return pixels;
  }

  /**
   * Where the caller reads an output.
   *
   * @param name one of the request's outputs
   * @return that of all images
   * @throws IllegalArgumentException if there is none of that name
   */
  public FloatBuffer output(String name) {
    FloatBuffer output = outputs.get(name);
    if (output == null) {
      throw new IllegalArgumentException(
          "the plan has no output '" + name + "'; it has " + outputs.keySet());
    }
    return output;
  }

  /**
   * Runs a part: brings its images into a plan, runs that, and fetches its outputs.
   *
   * @param part a plan of as many images as the part has
   * @param first image of the part in the batch
   */
  public void run(InferencePlan part, int first) {
    int count = part.request().batch();
    if (input != null) {
      int size = input.capacity() / images;
      part.input().put(0, input, first * size, count * size);
    }
    if (pixels != null) {
      int size = pixels.capacity() / images;
      part.pixels().put(0, pixels, first * size, count * size);
    }
    part.run();
    for (Map.Entry<String, FloatBuffer> output : outputs.entrySet()) {
      FloatBuffer whole = output.getValue();
      int size = whole.capacity() / images;
      whole.put(first * size, part.output(output.getKey()), 0, count * size);
    }
  }

  /**
   * What the buffers take.
   *
   * @return bytes of the host's memory
   */
  public long bytes() {
    long floats = outputs.values().stream().mapToLong(FloatBuffer::capacity).sum();
    floats += input == null ? 0 : input.capacity();
    return Float.BYTES * floats + (pixels == null ? 0 : pixels.capacity());
  }
}
