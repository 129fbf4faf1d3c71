package io.resfuse.benchmarks.batcher;

import io.resfuse.engine.InferencePlan;
import io.resfuse.engine.LoadedNetwork;
import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.PlanMemory;
import io.resfuse.engine.PlanRequest;
import io.resfuse.model.ResNetConfig;
import io.resfuse.tensor.Shape;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;

/** Plans that do nothing: whatever a request takes is the batcher's. */
final class TrivialNetwork implements LoadedNetwork {
  private final NetworkSpec network = ResNetConfig.of("resnet20").build();

  @Override
  public NetworkSpec network() {
    return network;
  }

  @Override
  public long weightBytes() {
    return 0;
  }

  @Override
  public PlanMemory memory(PlanRequest request) {
    return new PlanMemory(0, 0, 0, 0, 0);
  }

  @Override
  public InferencePlan plan(PlanRequest request) {
    return new TrivialPlan(request);
  }

  @Override
  public void close() {}

  private static FloatBuffer floats(int count) {
    return ByteBuffer.allocateDirect(count * Float.BYTES)
        .order(ByteOrder.nativeOrder())
        .asFloatBuffer();
  }

  private record TrivialPlan(PlanRequest request, FloatBuffer input, FloatBuffer logits)
      implements InferencePlan {
    private static final int CLASSES = 10;

    TrivialPlan(PlanRequest request) {
      this(
          request,
          floats(3 * request.batch() * request.height() * request.width()),
          floats(CLASSES * request.batch()));
    }

    @Override
    public void run() {}

    @Override
    public FloatBuffer output(String name) {
      return logits;
    }

    @Override
    public Shape outputShape(String name) {
      return Shape.of(request.batch(), CLASSES);
    }

    @Override
    public PlanMemory memory() {
      return new PlanMemory(0, 0, 0, 0, 0);
    }

    @Override
    public void close() {}
  }
}
