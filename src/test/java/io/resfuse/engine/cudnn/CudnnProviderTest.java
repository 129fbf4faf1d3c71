package io.resfuse.engine.cudnn;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.resfuse.engine.DeviceMeter;
import io.resfuse.engine.EngineException;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.EngineProvider;
import io.resfuse.engine.Engines;
import io.resfuse.engine.Precision;
import io.resfuse.engine.cudnn.internal.dnn.AlgorithmChoice;
import java.util.EnumSet;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** What the engine says of itself where it cannot run. */
class CudnnProviderTest {
  private static final EngineOptions SOFTCUDA = new EngineOptions(0, "softcuda");

  @Test
  void isThereForThoseWhoAskForIt() {
    EngineProvider provider =
        Engines.providers().stream()
            .filter(candidate -> candidate.name().equals("cudnn"))
            .findFirst()
            .orElseThrow();
    assertThat(provider.priority()).as("auto does not take it").isNegative();
    String reason = provider.probe(SOFTCUDA).detail();
    assertThatThrownBy(() -> Engines.open("cudnn", SOFTCUDA))
        .isInstanceOf(EngineException.class)
        .hasMessage("engine cudnn cannot run here: " + reason);
  }

  @Test
  void runsInFourPrecisions() {
    Set<Precision> precisions = EnumSet.allOf(Precision.class);
    precisions.removeIf(p -> CudnnProvider.whyNot(p).isPresent());
    assertThat(precisions)
        .containsExactlyInAnyOrder(Precision.FP32, Precision.TF32, Precision.BF16, Precision.FP16);
    assertThat(CudnnProvider.whyNot(Precision.FP64))
        .contains("engine cudnn computes in fp32, tf32, bf16 and fp16, not in fp64; use fp32");
  }

  /** What is timed and needs memory is the device, not the host. */
  @Test
  void meetsTheBenchmarkAsADevice() {
    assertThat(DeviceMeter.class).isAssignableFrom(CudnnEngine.class);
  }

  @Test
  void algorithmsAreChosenAsTheProperty() {
    assertThat(CudnnEngine.algorithmChoice("measurement")).isEqualTo(AlgorithmChoice.MEASUREMENT);
    assertThatThrownBy(() -> CudnnEngine.algorithmChoice("best"))
        .isInstanceOf(EngineException.class)
        .hasMessage("-Dresfuse.cudnn.algorithms=best: use heuristics or measurement");
  }
}
