package io.resfuse.engine;

import io.resfuse.tensor.Shape;
import java.nio.Buffer;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A plan whose batch is run by one for fewer images, part by part. The last part ends with the
 * batch, and so may begin with images of the part before. The host's buffers are here; where there
 * is one part only, they are those of its plan. Not thread-safe.
 */
final class CappedPlan implements InferencePlan, OperationTimer {
  private final InferencePlan part;
  private final PlanRequest request;
  private final Runnable onClose;
  private final @Nullable FloatBuffer input;
  private final @Nullable ByteBuffer pixels;
  private final Map<String, FloatBuffer> outputs = new HashMap<>();
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
    boolean whole = part.request().batch() == request.batch();
    this.input = whole || request.scaling() != null ? null : floats(part.input());
    this.pixels =
        whole || request.scaling() == null
            ? null
            : ByteBuffer.allocateDirect(wholeLength(part.pixels()));
    if (!whole) {
      request.outputs().forEach(name -> outputs.put(name, floats(part.output(name))));
    }
  }

  private int wholeLength(Buffer ofPart) {
    return Math.multiplyExact(ofPart.capacity() / part.request().batch(), request.batch());
  }

  private FloatBuffer floats(FloatBuffer ofPart) {
    return ByteBuffer.allocateDirect(Math.multiplyExact(wholeLength(ofPart), Float.BYTES))
        .order(ByteOrder.nativeOrder())
        .asFloatBuffer();
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
    return input == null ? part.input() : input;
  }

  @Override
  public ByteBuffer pixels() {
    checkOpen();
    return pixels == null ? part.pixels() : pixels;
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
    int images = part.request().batch();
    if (images == request.batch()) {
      part.run();
      return;
    }
    for (int first = 0; first < request.batch(); first += images) {
      runPart(Math.min(first, request.batch() - images));
    }
  }

  private void runPart(int first) {
    if (input != null) {
      FloatBuffer target = part.input();
      target.put(0, input, first * (target.capacity() / part.request().batch()), target.capacity());
    }
    if (pixels != null) {
      ByteBuffer target = part.pixels();
      target.put(
          0, pixels, first * (target.capacity() / part.request().batch()), target.capacity());
    }
    part.run();
    outputs.forEach(
        (name, whole) -> {
          FloatBuffer source = part.output(name);
          whole.put(
              first * (source.capacity() / part.request().batch()), source, 0, source.capacity());
        });
  }

  @Override
  public FloatBuffer output(String name) {
    checkOpen();
    FloatBuffer whole = outputs.get(name);
    return whole == null ? part.output(name) : whole;
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
    long host = outputs.values().stream().mapToLong(FloatBuffer::capacity).sum() * Float.BYTES;
    host += input == null ? 0 : (long) input.capacity() * Float.BYTES;
    host += pixels == null ? 0 : pixels.capacity();
    return new PlanMemory(
        memory.weights(),
        memory.activations(),
        memory.activationsUnshared(),
        memory.workspace(),
        memory.host() + host);
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
