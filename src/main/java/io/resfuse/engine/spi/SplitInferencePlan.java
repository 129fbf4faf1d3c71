package io.resfuse.engine.spi;

import io.resfuse.engine.InferencePlan;
import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.OperationTimer;
import io.resfuse.engine.PlanMemory;
import io.resfuse.engine.PlanRequest;
import io.resfuse.engine.Value;
import io.resfuse.tensor.Shape;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A plan whose batch is cut into parts that run on several devices at the same time. One owner: not
 * thread-safe; each device other than the first has a thread of this plan's.
 */
final class SplitInferencePlan extends AbstractInferencePlan {
  private final List<InferencePlan> parts;
  private final PlanRequest request;
  private final int[] firstImages;
  private final FloatBuffer input;
  private final ByteBuffer pixels;
  private final Map<String, FloatBuffer> outputs = new LinkedHashMap<>();
  private final Lanes lanes;
  private final Lanes.Work work = this::runPart;

  /**
   * Takes over plans.
   *
   * @param network the whole network
   * @param request of the whole batch
   * @param parts of it, in order, each on a device of its own
   */
  SplitInferencePlan(NetworkSpec network, PlanRequest request, List<InferencePlan> parts) {
    super(network, request);
    this.parts = List.copyOf(parts);
    this.request = request;
    this.firstImages = new int[parts.size()];
    for (int i = 1; i < firstImages.length; i++) {
      firstImages[i] = firstImages[i - 1] + parts.get(i - 1).request().batch();
    }
    int samples = samples(network, request);
    boolean takesFloats = request.scaling() == null;
    this.input = floats(takesFloats ? samples : 0);
    this.pixels = ByteBuffer.allocateDirect(takesFloats ? 0 : samples);
    for (String name : request.outputs()) {
      outputs.put(name, floats(Math.toIntExact(outputShape(name).elements())));
    }
    this.lanes = new Lanes(parts.size(), "resfuse-inference");
  }

  /** The buffers of a plan, of which one that is not split has none beside its own. */
  static PlanMemory hostMemory(NetworkSpec network, PlanRequest request) {
    long samples = samples(network, request);
    long bytes = request.scaling() == null ? Float.BYTES * samples : samples;
    NetworkSpec part = network.restrictedTo(request.outputs());
    List<Shape> shapes = part.shapes(request.batch(), request.height(), request.width());
    for (Value value : part.outputs().values()) {
      bytes += Float.BYTES * shapes.get(value.id()).elements();
    }
    return new PlanMemory(0, 0, 0, 0, bytes);
  }

  private static int samples(NetworkSpec network, PlanRequest request) {
    return Math.toIntExact(
        (long) request.batch() * network.input().channels() * request.height() * request.width());
  }

  private static FloatBuffer floats(int count) {
    return ByteBuffer.allocateDirect(Math.multiplyExact(Float.BYTES, count))
        .order(ByteOrder.nativeOrder())
        .asFloatBuffer();
  }

  @Override
  protected FloatBuffer inputBuffer() {
    return input;
  }

  @Override
  protected ByteBuffer pixelBuffer() {
    return pixels;
  }

  @Override
  protected FloatBuffer outputBuffer(String name) {
    return outputs.get(name);
  }

  @Override
  protected void runForward() {
    lanes.run(work);
  }

  private void runPart(int index) {
    InferencePlan part = parts.get(index);
    int images = part.request().batch();
    int first = firstImages[index];
    if (request.scaling() == null) {
      int size = input.capacity() / request.batch();
      part.input().put(0, input, first * size, images * size);
    } else {
      int size = pixels.capacity() / request.batch();
      part.pixels().put(0, pixels, first * size, images * size);
    }
    part.run();
    for (Map.Entry<String, FloatBuffer> output : outputs.entrySet()) {
      FloatBuffer whole = output.getValue();
      int size = whole.capacity() / request.batch();
      whole.put(first * size, part.output(output.getKey()), 0, images * size);
    }
  }

  /** {@inheritDoc} Of the first part, and so of as many images as that has. */
  @Override
  protected double time(String operation, Runnable coolCaches) {
    return timer().seconds(operation, coolCaches);
  }

  @Override
  protected List<String> kernels(String operation) {
    return timer().implementations(operation);
  }

  private OperationTimer timer() {
    return (OperationTimer) parts.get(0);
  }

  @Override
  public PlanMemory memory() {
    PlanMemory sum = hostMemory(network(), request);
    for (InferencePlan part : parts) {
      sum = sum.plus(part.memory());
    }
    return sum;
  }

  @Override
  protected void release() {
    lanes.close();
    parts.forEach(InferencePlan::close);
  }
}
