package io.resfuse.engine.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.resfuse.engine.Engine;
import io.resfuse.engine.EngineException;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.Engines;
import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.Precision;
import io.resfuse.engine.ShardContract;
import io.resfuse.engine.TestData;
import io.resfuse.engine.TrainingOptions;
import io.resfuse.engine.TrainingPlan;
import io.resfuse.engine.cuda.internal.driver.Context;
import io.resfuse.engine.spi.DeviceGroup;
import io.resfuse.model.ResNetConfig;
import io.resfuse.model.ResNetVariant;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(SoftCudaExtension.class)
class CudaShardTest extends ShardContract {
  @Override
  protected Engine open(int device) {
    return Engines.open("cuda", new EngineOptions(0, "softcuda:" + device));
  }

  @Override
  protected long live() {
    return Context.liveObjects();
  }

  @Override
  protected List<Precision> precisions() {
    return List.of(Precision.FP32, Precision.FP16);
  }

  /** Each with two devices, whose own exchange goes first. */
  @Override
  protected List<Integer> processes() {
    return List.of(2);
  }

  private static long[][] copied(int devices) {
    long[][] bytes = new long[devices][devices];
    for (int from = 0; from < devices; from++) {
      for (int to = 0; to < devices; to++) {
        bytes[from][to] = SoftCuda.peerCopyBytes(from, to);
      }
    }
    return bytes;
  }

  /**
   * Each of N devices sends 2 G (N - 1) / N bytes, which no all-reduce of G bytes can do with less,
   * as softcuda counts them; G has the padding of the device's layout, a few percent here.
   */
  @Test
  void sendsAsFewBytesAsCanBe() {
    NetworkSpec network = ResNetConfig.of(ResNetVariant.cifar(8, true)).build();
    long floats =
        network.parameters().values().stream()
            .filter(p -> p.isTrainable())
            .mapToLong(p -> p.shape().elements())
            .sum();
    for (int devices : new int[] {2, 4}) {
      try (Engine group =
              Engines.open(
                  "cuda", new EngineOptions(0, devices == 4 ? "softcuda:all" : "softcuda:0,1"));
          TrainingPlan plan =
              group.planTraining(
                  network,
                  TestData.parameters(network),
                  TrainingOptions.standard(8, 8, Precision.FP32),
                  4)) {
        assertThat(((DeviceGroup) group).engines()).hasSize(devices);
        plan.forward();
        plan.softmaxCrossEntropy(new int[8], 0);
        plan.backward(false);
        long[][] before = copied(devices);
        plan.gradientNorm();
        plan.update(0.1, 1);
        long[][] after = copied(devices);
        long part = after[0][1] - before[0][1];
        long gradients = part / 2 * devices;
        assertThat(gradients).isBetween(4 * floats, 4 * floats * 11 / 10);
        for (int from = 0; from < devices; from++) {
          long sent = 0;
          for (int to = 0; to < devices; to++) {
            sent += after[from][to] - before[from][to];
          }
          assertThat(sent).isEqualTo(2 * gradients * (devices - 1) / devices);
        }
        plan.gradientNorm();
        assertThat(copied(devices)).as("not once more").isDeepEqualTo(after);
      }
    }
  }

  @Test
  void devicesAreNamed() {
    assertThat(CudaDevice.findAll(new EngineOptions(0, "softcuda"))).hasSize(1);
    assertThat(CudaDevice.findAll(new EngineOptions(0, ""))).hasSize(1);
    assertThat(CudaDevice.findAll(new EngineOptions(0, "2,1")))
        .extracting(device -> device.ordinal())
        .containsExactly(2, 1);
    assertThat(CudaDevice.findAll(new EngineOptions(0, "all"))).hasSize(4);
    refuses(
        "softcuda:5", "has no device '5'; there are softcuda, all and 0 to 3, of which several");
    refuses("0,", "has no device ''");
    refuses("1,1", "device 1 is named twice in '1,1'");
    assertThatThrownBy(() -> new BackendHost(new EngineOptions(0, "0,1")))
        .isInstanceOf(EngineException.class)
        .hasMessageContaining("this runs on one device, '0,1' names 2");
  }

  private static void refuses(String devices, String why) {
    assertThatThrownBy(() -> Engines.open("cuda", new EngineOptions(0, devices)))
        .isInstanceOf(EngineException.class)
        .hasMessageContaining(why)
        .message()
        .doesNotContain("\n");
  }
}
