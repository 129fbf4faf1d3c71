package io.resfuse.engine;

import io.resfuse.tensor.Shape;
import java.nio.ByteBuffer;
import java.nio.FloatBuffer;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A plan whose batch is run by one for fewer images, part by part. The last part ends with the
 * batch, and so may begin with images of the part before. Where there is one part only, its buffers
 * are those of the whole. Not thread-safe.
 */
final class CappedPlan implements InferencePlan, OperationTimer {
  private final InferencePlan part;
  private final PlanRequest request;
  private final Runnable onClose;

  /** Null where there is one part only. */
  private final @Nullable BatchInParts whole;

  private boolean closed;

  /**
   * A plan.
   *
   * @param part owned
   * @param request of the whole batch
   * @param onClose called once, when this is closed
   */
  CappedPlan(InferencePlan part, PlanRequest request, Runnable onClose) {
    this.part = part;
    this.request = request;
    this.onClose = onClose;
    this.whole = part.request().batch() == request.batch() ? null : new BatchInParts(request, part);
  }

  private void checkOpen() {
    if (closed) {
      throw new IllegalStateException("this plan of " + request.batch() + " images is closed");
    }
  }

  @Override
  public PlanRequest request() {
    return request;
  }

  @Override
  public FloatBuffer input() {
    checkOpen();
    return whole == null ? part.input() : whole.input();
  }

  @Override
  public ByteBuffer pixels() {
    checkOpen();
    return whole == null ? part.pixels() : whole.pixels();
  }

  @Override
  public long deviceInput() {
    return part.deviceInput();
  }

  @Override
  public long deviceOutput(String name) {
    return part.deviceOutput(name);
  }

  @Override
  public synchronized void run() {
    checkOpen();
    if (whole == null) {
      part.run();
      return;
    }
    int images = part.request().batch();
    for (int first = 0; first < request.batch(); first += images) {
      whole.run(part, Math.min(first, request.batch() - images));
    }
  }

  @Override
  public FloatBuffer output(String name) {
    checkOpen();
    return whole == null ? part.output(name) : whole.output(name);
  }

  @Override
  public Shape outputShape(String name) {
    int[] shape = part.outputShape(name).toArray();
    shape[0] = request.batch();
    return Shape.of(shape);
  }

  /** What the plan of a part takes, and the host's buffers of all. */
  @Override
  public PlanMemory memory() {
    PlanMemory memory = part.memory();
    return whole == null ? memory : memory.plus(new PlanMemory(0, 0, 0, 0, whole.bytes()));
  }

  /** Of all parts. */
  @Override
  public double seconds(String operation, Runnable coolCaches) {
    int images = part.request().batch();
    int parts = (request.batch() + images - 1) / images;
    return parts * OperationTimer.of(part).seconds(operation, coolCaches);
  }

  @Override
  public List<String> implementations(String operation) {
    return OperationTimer.of(part).implementations(operation);
  }

  @Override
  public synchronized void close() {
    if (!closed) {
      closed = true;
      try {
        part.close();
      } finally {
        onClose.run();
      }
    }
  }
}
