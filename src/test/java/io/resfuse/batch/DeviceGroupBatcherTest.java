package io.resfuse.batch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.resfuse.engine.Engine;
import io.resfuse.engine.EngineException;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.Engines;
import io.resfuse.engine.InferencePlan;
import io.resfuse.engine.LoadedNetwork;
import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.PlanMemory;
import io.resfuse.engine.PlanRequest;
import io.resfuse.engine.Precision;
import io.resfuse.engine.TestData;
import io.resfuse.engine.cuda.SoftCudaExtension;
import io.resfuse.model.ResNetConfig;
import io.resfuse.model.ResNetVariant;
import io.resfuse.tensor.HostTensor;
import io.resfuse.tensor.Shape;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.Semaphore;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

/** A batcher on an engine of several devices. */
@ExtendWith(SoftCudaExtension.class)
@Timeout(120)
class DeviceGroupBatcherTest {
  private static final int SIZE = 8;
  private static final int BATCH = 2;
  private static final NetworkSpec NETWORK = ResNetConfig.of(ResNetVariant.cifar(8, true)).build();
  private static final PlanRequest REQUEST = PlanRequest.logits(BATCH, SIZE);

  private static final EngineOptions ONE =
      new EngineOptions(0, "softcuda:0").withBatchInvariant(true);
  private static final EngineOptions TWO =
      new EngineOptions(0, "softcuda:1,2").withBatchInvariant(true);

  /** Devices, in the order in which their runs begin. */
  private final LinkedBlockingQueue<Integer> begun = new LinkedBlockingQueue<>();

  /** How many runs may go on. */
  private final Semaphore permits = new Semaphore(0);

  private volatile boolean watching;

  private static LoadedNetwork load(Engine engine) {
    return engine.load(NETWORK, TestData.parameters(NETWORK), Precision.FP32);
  }

  private static float[] image(int number) {
    return TestData.images("image " + number, 3 * SIZE * SIZE);
  }

  /** The plans of a device, whose runs say that they begin, and then wait for a permit. */
  private LoadedNetwork watched(LoadedNetwork network, int device) {
    return new Watched(network, List.of()) {
      @Override
      public InferencePlan plan(PlanRequest request) {
        InferencePlan plan = super.plan(request);
        return (InferencePlan)
            Proxy.newProxyInstance(
                getClass().getClassLoader(),
                new Class<?>[] {InferencePlan.class},
                (proxy, method, arguments) -> {
                  if (method.getName().equals("run") && watching) {
                    begun.add(device);
                    permits.acquireUninterruptibly();
                  }
                  try {
                    return method.invoke(plan, arguments);
                  } catch (InvocationTargetException e) {
                    throw e.getCause();
                  }
                });
      }
    };
  }

  private static class Watched implements LoadedNetwork {
    private final LoadedNetwork network;
    private final List<LoadedNetwork> devices;

    Watched(LoadedNetwork network, List<LoadedNetwork> devices) {
      this.network = network;
      this.devices = devices;
    }

    @Override
    public NetworkSpec network() {
      return network.network();
    }

    @Override
    public long weightBytes() {
      return network.weightBytes();
    }

    @Override
    public PlanMemory memory(PlanRequest request) {
      return network.memory(request);
    }

    @Override
    public InferencePlan plan(PlanRequest request) {
      return network.plan(request);
    }

    @Override
    public List<LoadedNetwork> onDevices() {
      return devices;
    }

    @Override
    public void close() {}
  }

  private static List<CompletableFuture<Map<String, HostTensor>>> submit(
      Batcher batcher, int first) {
    List<CompletableFuture<Map<String, HostTensor>>> answers = new ArrayList<>();
    for (int i = first; i < first + BATCH; i++) {
      answers.add(batcher.submit(HostTensor.of(Shape.of(3, SIZE, SIZE), image(i))));
    }
    return answers;
  }

  @Test
  void aBatchRunsOnTheDeviceThatIsFree() throws InterruptedException {
    List<float[]> expected = new ArrayList<>();
    try (Engine engine = Engines.open("cuda", ONE);
        LoadedNetwork loaded = load(engine);
        InferencePlan plan = loaded.plan(PlanRequest.logits(1, SIZE))) {
      for (int i = 0; i < 3 * BATCH; i++) {
        plan.input().put(0, image(i));
        plan.run();
        float[] logits = new float[10];
        plan.output("logits").get(0, logits);
        expected.add(logits);
      }
    }
    BatchOptions options =
        BatchOptions.defaults()
            .withPreferredBatchSizes(List.of(BATCH))
            .withMaxQueueDelay(Duration.ofHours(1));
    try (Engine engine = Engines.open("cuda", TWO);
        LoadedNetwork loaded = load(engine)) {
      List<LoadedNetwork> devices = loaded.onDevices();
      assertThat(devices).hasSize(2);
      LoadedNetwork group =
          new Watched(loaded, List.of(watched(devices.get(0), 0), watched(devices.get(1), 1)));
      try (Batcher batcher =
          new Batcher(List.of(new BatchTarget(group, 1)), REQUEST, null, options)) {
        watching = true;
        List<CompletableFuture<Map<String, HostTensor>>> answers =
            new ArrayList<>(submit(batcher, 0));
        int first = begun.take();
        // It stays busy until the other one runs, too; at most one batch more waits for it.
        answers.addAll(submit(batcher, BATCH));
        answers.addAll(submit(batcher, 2 * BATCH));
        assertThat(begun.take()).isEqualTo(1 - first);
        permits.release(3);
        for (int i = 0; i < answers.size(); i++) {
          assertThat(answers.get(i).join().get("logits").toArray())
              .as("image %d", i)
              .containsExactly(expected.get(i));
        }
      } finally {
        permits.release(Integer.MAX_VALUE / 2);
      }
    }
  }

  @Test
  void plansOfAllDevicesShareWhatMayBeTaken() {
    long one;
    try (Engine engine = Engines.open("cuda", ONE);
        LoadedNetwork loaded = load(engine);
        InferencePlan plan = loaded.plan(REQUEST)) {
      one = plan.memory().activations() + plan.memory().workspace() + plan.memory().weights();
    }
    try (Engine engine = Engines.open("cuda", TWO.withMaxMemory(2 * one));
        LoadedNetwork loaded = load(engine)) {
      List<LoadedNetwork> devices = loaded.onDevices();
      assertThat(devices).hasSize(2);
      for (int round = 0; round < 2; round++) {
        try (InferencePlan first = devices.get(0).plan(REQUEST);
            InferencePlan second = devices.get(1).plan(REQUEST)) {
          assertThat(first.memory().activations()).isEqualTo(second.memory().activations());
          LoadedNetwork full = devices.get(round);
          assertThatThrownBy(() -> full.plan(REQUEST))
              .isInstanceOf(EngineException.class)
              .hasMessageContaining("that were allowed");
        }
      }
    }
  }
}
