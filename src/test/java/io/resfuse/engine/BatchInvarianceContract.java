package io.resfuse.engine;

import static org.assertj.core.api.Assertions.assertThat;

import io.resfuse.model.ResNetConfig;
import io.resfuse.model.ResNetVariant;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What engines promise that are opened with {@link EngineOptions#batchInvariant}. */
public abstract class BatchInvarianceContract {
  /** Opens the engine with these options, but for the device. */
  protected abstract Engine open(EngineOptions options);

  /** The usual precision. */
  protected Precision precision() {
    return Precision.FP32;
  }

  /** Whether networks of many operations are too slow. */
  protected boolean isSlow() {
    return false;
  }

  private Engine invariant() {
    return open(new EngineOptions(2, "").withBatchInvariant(true));
  }

  /** The logits of images from a number on, in one batch. */
  private static float[] run(LoadedNetwork network, int size, int first, int batch) {
    int length = network.network().input().channels() * size * size;
    try (InferencePlan plan = network.plan(PlanRequest.logits(batch, size))) {
      for (int i = 0; i < batch; i++) {
        plan.input().put(i * length, TestData.images("image " + (first + i), length));
      }
      plan.run();
      float[] logits = new float[plan.output("logits").capacity()];
      plan.output("logits").get(0, logits);
      return logits;
    }
  }

  /** Holds each image of batches at many places to the bits that it has alone. */
  private void hold(Engine engine, NetworkSpec network, int size, int images, int... batches) {
    try (engine;
        LoadedNetwork loaded = engine.load(network, TestData.parameters(network), precision())) {
      int length = run(loaded, size, 0, 1).length;
      float[] alone = new float[images * length];
      for (int i = 0; i < images; i++) {
        System.arraycopy(run(loaded, size, i, 1), 0, alone, i * length, length);
      }
      for (int batch : batches) {
        for (int first = 0; first + batch <= images; first += Math.max(1, batch / 2 + 1)) {
          float[] expected = new float[batch * length];
          System.arraycopy(alone, first * length, expected, 0, expected.length);
          assertThat(run(loaded, size, first, batch))
              .as("%s, batch %d from image %d", network.name(), batch, first)
              .containsExactly(expected);
        }
      }
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {8, 20})
  void smallNetworks(int depth) {
    NetworkSpec network = ResNetConfig.of(ResNetVariant.cifar(depth, true)).build();
    if (isSlow()) {
      hold(invariant(), network, 8, 8, 2, 3, 8);
    } else {
      hold(invariant(), network, 16, 16, 2, 3, 4, 5, 7, 8, 11, 16);
    }
  }

  @Test
  void gatedNetworks() {
    ResNetVariant table =
        new ResNetVariant(
            "gated",
            ResNetVariant.BlockKind.BASIC,
            ResNetVariant.StemKind.CIFAR,
            List.of(1, 1),
            List.of(16, 32),
            1,
            64,
            true,
            false,
            true);
    NetworkSpec network = ResNetConfig.of(table).build();
    if (isSlow()) {
      hold(invariant(), network, 8, 4, 2, 3);
    } else {
      hold(invariant(), network, 20, 8, 2, 3, 5, 8);
    }
  }

  /** Resizes, concatenations, and a mean that is an image of one pixel. */
  @Test
  void segmentationNetworks() {
    NetworkSpec network = TestNetworks.segmentations().get(2).network();
    if (isSlow()) {
      hold(invariant(), network, 10, 4, 2, 3);
    } else {
      hold(invariant(), network, 18, 8, 2, 3, 5, 8);
    }
  }

  /** Large weights: oneDNN and the tiles' chooser want other work for other batches. */
  @Test
  void resNet18() {
    NetworkSpec network = ResNetConfig.of("resnet18").build();
    if (isSlow()) {
      hold(invariant(), network, 32, 2, 2);
    } else {
      hold(invariant(), network, 64, 16, 2, 3, 5, 8, 13, 16);
    }
  }
}
