package io.resfuse.engine;

import io.resfuse.tensor.TensorLayout;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What a plan is made for.
 *
 * @param batch images per run
 * @param height rows
 * @param width columns
 * @param layout the order of input and outputs in the plan's host buffers
 * @param outputs keys of {@link NetworkSpec#outputs()}; only what leads to them is run
 * @param scaling of the pixels that the plan takes in place of floats ({@link
 *     InferencePlan#pixels}); null for floats. Only for an {@link Engine#takesPixels engine that
 *     takes pixels}
 * @param onDevice whether input and outputs lie in the device's memory, at {@link
 *     InferencePlan#deviceInput} and {@link InferencePlan#deviceOutput}, and no copy is made.
 *     Floats only, and only for an {@link Engine#hasDevice engine that has a device}
 */
public record PlanRequest(
    int batch,
    int height,
    int width,
    TensorLayout layout,
    Set<String> outputs,
    @Nullable PixelScaling scaling,
    boolean onDevice) {
  /**
   * Checks the ranges and copies the set.
   *
   * @param batch as in the record
   * @param height as in the record
   * @param width as in the record
   * @param layout as in the record
   * @param outputs as in the record
   * @param scaling as in the record
   * @param onDevice as in the record
   */
  public PlanRequest {
    if (batch < 1 || height < 1 || width < 1) {
      throw new IllegalArgumentException(
          "a plan needs at least one image of one pixel, got "
              + batch
              + " of "
              + height
              + "x"
              + width);
    }
    if (outputs.isEmpty()) {
      throw new IllegalArgumentException("a plan needs at least one output");
    }
    if (onDevice && scaling != null) {
      throw new IllegalArgumentException(
          "a plan whose input is on the device takes floats, pixels were asked for");
    }
    outputs = Set.copyOf(outputs);
  }

  /**
   * A plan that takes floats.
   *
   * @param batch images per run
   * @param height rows
   * @param width columns
   * @param layout the order of input and outputs in the plan's host buffers
   * @param outputs keys of {@link NetworkSpec#outputs()}
   */
  public PlanRequest(int batch, int height, int width, TensorLayout layout, Set<String> outputs) {
    this(batch, height, width, layout, outputs, null, false);
  }

  /**
   * The same for more or fewer images.
   *
   * @param images per run
   * @return a new request
   */
  public PlanRequest withBatch(int images) {
    return new PlanRequest(images, height, width, layout, outputs, scaling, onDevice);
  }

  /**
   * The same for pixels.
   *
   * @param pixels how they are normalised; null for floats
   * @return a new request
   */
  public PlanRequest withPixels(@Nullable PixelScaling pixels) {
    return new PlanRequest(batch, height, width, layout, outputs, pixels, onDevice);
  }

  /**
   * The same with input and outputs in the device's memory.
   *
   * @return a new request
   */
  public PlanRequest inDeviceMemory() {
    return new PlanRequest(batch, height, width, layout, outputs, scaling, true);
  }

  /**
   * Refuses pixels and input on a device, for engines that take floats of the host only.
   *
   * @param engine its name
   * @throws EngineException if this asks for either
   */
  public void requireHostFloats(String engine) {
    if (onDevice) {
      throw new EngineException(
          "engine "
              + engine
              + " has no device, a plan whose input and outputs lie in a device's memory was asked"
              + " for; use engine cuda");
    }
    if (scaling != null) {
      throw new EngineException(
          "engine "
              + engine
              + " takes floats, a plan that takes pixels was asked for; normalise them on the host");
    }
  }

  /**
   * A plan for the logits.
   *
   * @param batch images per run
   * @param size rows and columns
   * @return a request in NCHW
   */
  public static PlanRequest logits(int batch, int size) {
    return new PlanRequest(batch, size, size, TensorLayout.NCHW, Set.of("logits"));
  }
}
