package io.resfuse.batch;

import io.resfuse.engine.InferencePlan;
import io.resfuse.engine.LoadedNetwork;
import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.PlanMemory;
import io.resfuse.engine.PlanRequest;
import io.resfuse.model.ResNetConfig;
import io.resfuse.model.ResNetVariant;
import io.resfuse.tensor.HostTensor;
import io.resfuse.tensor.Shape;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;

/**
 * Plans that compute next to nothing. An image is three floats of one pixel, the first of them its
 * number; its logits are 2 * number + 1 and the sum of the three.
 */
final class FakeNetwork implements LoadedNetwork {
  private static final NetworkSpec NETWORK = ResNetConfig.of(ResNetVariant.cifar(8, true)).build();

  /** What plans are made for. */
  static final PlanRequest REQUEST = PlanRequest.logits(1, 1);

  /** The first number of each image of each run, those of places left over, too. */
  final List<List<Integer>> runs = Collections.synchronizedList(new ArrayList<>());

  final List<FakePlan> plans = Collections.synchronizedList(new ArrayList<>());
  final AtomicInteger open = new AtomicInteger();

  /** Called by each run that a batcher asks for with the plan. */
  volatile Consumer<FakePlan> onRun = plan -> {};

  static HostTensor image(int number) {
    return HostTensor.of(Shape.of(3, 1, 1), number, 0.5f, number % 7);
  }

  static float[] answer(int number) {
    return new float[] {2f * number + 1, number + 0.5f + number % 7};
  }

  @Override
  public NetworkSpec network() {
    return NETWORK;
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
    FakePlan plan = new FakePlan(request);
    plans.add(plan);
    open.incrementAndGet();
    return plan;
  }

  @Override
  public void close() {}

  private static FloatBuffer floats(int count) {
    return ByteBuffer.allocateDirect(count * Float.BYTES)
        .order(ByteOrder.nativeOrder())
        .asFloatBuffer();
  }

  /** A plan. */
  final class FakePlan implements InferencePlan {
    private final PlanRequest request;
    private final FloatBuffer input;
    private final FloatBuffer logits;
    private boolean closed;

    FakePlan(PlanRequest request) {
      this.request = request;
      this.input = floats(3 * request.batch());
      this.logits = floats(2 * request.batch());
    }

    @Override
    public PlanRequest request() {
      return request;
    }

    @Override
    public FloatBuffer input() {
      return input;
    }

    @Override
    public void run() {
      if (closed) {
        throw new IllegalStateException("closed");
      }
      onRun.accept(this);
      for (int i = 0; i < request.batch(); i++) {
        float number = input.get(3 * i);
        logits.put(2 * i, 2 * number + 1);
        logits.put(2 * i + 1, number + input.get(3 * i + 1) + input.get(3 * i + 2));
      }
    }

    List<Integer> numbers() {
      List<Integer> numbers = new ArrayList<>();
      for (int i = 0; i < request.batch(); i++) {
        numbers.add((int) input.get(3 * i));
      }
      return numbers;
    }

    @Override
    public FloatBuffer output(String name) {
      return logits;
    }

    @Override
    public Shape outputShape(String name) {
      return Shape.of(request.batch(), 2);
    }

    @Override
    public PlanMemory memory() {
      return new PlanMemory(0, 0, 0, 0, 0);
    }

    @Override
    public void close() {
      if (!closed) {
        closed = true;
        open.decrementAndGet();
      }
    }
  }
}
