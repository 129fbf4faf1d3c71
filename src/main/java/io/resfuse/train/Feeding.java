package io.resfuse.train;

import io.resfuse.engine.Engine;
import io.resfuse.engine.InferencePlan;
import io.resfuse.engine.PixelScaling;
import io.resfuse.engine.PlanRequest;
import io.resfuse.engine.TrainingOptions;
import io.resfuse.engine.TrainingPlan;
import java.nio.ByteBuffer;
import java.nio.FloatBuffer;
import org.jspecify.annotations.Nullable;

/**
 * How batches reach an engine: as pixels where it normalises them on its device and the source has
 * them, else as floats.
 *
 * @param source of the batches
 * @param scaling of pixels; null for floats
 */
public record Feeding(BatchSource source, @Nullable PixelScaling scaling) {
  /**
   * Decides.
   *
   * @param engine that gets the batches
   * @param source of them
   * @return with pixels where both can
   */
  public static Feeding of(Engine engine, BatchSource source) {
    return new Feeding(source, engine.takesPixels() ? source.scaling() : null);
  }

  /**
   * A request that suits it.
   *
   * @param request for floats
   * @return the same for these batches
   */
  public PlanRequest asked(PlanRequest request) {
    return request.withPixels(scaling);
  }

  /**
   * Options that suit it.
   *
   * @param options for floats
   * @return the same for these batches
   */
  public TrainingOptions asked(TrainingOptions options) {
    return options.withPixels(scaling);
  }

  /**
   * Opens the batches of an epoch.
   *
   * @param epoch from 0 on
   * @param firstBatch from 0 on
   * @return to be closed
   */
  public BatchStream open(int epoch, int firstBatch) {
    return scaling == null ? source.open(epoch, firstBatch) : source.openPixels(epoch, firstBatch);
  }

  /**
   * Copies the pictures of the stream's batch to a plan's input.
   *
   * @param batches a stream that stands on a batch
   * @param plan for the same {@link Feeding}
   */
  public static void put(BatchStream batches, InferencePlan plan) {
    ByteBuffer pixels = batches.pixels();
    if (pixels == null) {
      put(batches.images(), plan.input());
    } else {
      put(pixels, plan.pixels());
    }
  }

  /**
   * Copies the pictures of the stream's batch to a plan's input.
   *
   * @param batches a stream that stands on a batch
   * @param plan for the same {@link Feeding}
   */
  public static void put(BatchStream batches, TrainingPlan plan) {
    ByteBuffer pixels = batches.pixels();
    if (pixels == null) {
      put(batches.images(), plan.input());
    } else {
      put(pixels, plan.pixels());
    }
  }

  private static void put(FloatBuffer from, FloatBuffer to) {
    to.put(0, from, 0, from.capacity());
  }

  private static void put(ByteBuffer from, ByteBuffer to) {
    to.put(0, from, 0, from.capacity());
  }
}
