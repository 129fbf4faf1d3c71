package io.resfuse.engine.spi;

import io.resfuse.engine.BatchInParts;
import io.resfuse.engine.InferencePlan;
import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.OperationTimer;
import io.resfuse.engine.PlanMemory;
import io.resfuse.engine.PlanRequest;
import io.resfuse.engine.Value;
import io.resfuse.tensor.Shape;
import java.nio.ByteBuffer;
import java.nio.FloatBuffer;
import java.util.List;

/**
 * A plan whose batch is cut into parts that run on several devices at the same time. One owner: not
 * thread-safe; each device other than the first has a thread of this plan's.
 */
final class SplitInferencePlan extends AbstractInferencePlan {
  private final List<InferencePlan> parts;
  private final PlanRequest request;
  private final int[] firstImages;
  private final BatchInParts whole;
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
    this.whole = new BatchInParts(request, parts.get(0));
    this.lanes = new Lanes(parts.size(), "resfuse-inference");
  }

  /** The buffers of a plan, of which one that is not split has none beside its own. */
  static PlanMemory hostMemory(NetworkSpec network, PlanRequest request) {
    long samples =
        (long) request.batch() * network.input().channels() * request.height() * request.width();
    long bytes = request.scaling() == null ? Float.BYTES * samples : samples;
    NetworkSpec part = network.restrictedTo(request.outputs());
    List<Shape> shapes = part.shapes(request.batch(), request.height(), request.width());
    for (Value value : part.outputs().values()) {
      bytes += Float.BYTES * shapes.get(value.id()).elements();
    }
    return new PlanMemory(0, 0, 0, 0, bytes);
  }

  @Override
  protected FloatBuffer inputBuffer() {
    return whole.input();
  }

  @Override
  protected ByteBuffer pixelBuffer() {
    return whole.pixels();
  }

  @Override
  protected FloatBuffer outputBuffer(String name) {
    return whole.output(name);
  }

  @Override
  protected void runForward() {
    lanes.run(work);
  }

  private void runPart(int index) {
    whole.run(parts.get(index), firstImages[index]);
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
