package io.resfuse.engine.cuda;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.resfuse.engine.Engine;
import io.resfuse.engine.EngineContract;
import io.resfuse.engine.EngineException;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.Engines;
import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.Parameters;
import io.resfuse.engine.Precision;
import io.resfuse.engine.TestData;
import io.resfuse.engine.TestNetworks;
import io.resfuse.engine.TestNetworks.TestNetwork;
import io.resfuse.engine.TrainingOptions;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** The CUDA engine, on softcuda, keeps the contract of all engines. */
@ExtendWith(SoftCudaExtension.class)
class CudaEngineTest extends EngineContract {
  @Override
  protected Engine open(EngineOptions options) {
    return Engines.open("cuda", new EngineOptions(options.threads(), "softcuda"));
  }

  @Override
  protected List<Precision> precisions() {
    return List.of(Precision.FP32, Precision.TF32, Precision.BF16, Precision.FP16);
  }

  /** Tensors of two and of four bytes have all; plans do the same with the other two types. */
  @Override
  protected List<TestNetwork> networks(Precision precision) {
    return switch (precision) {
      case FP16, FP32 -> TestNetworks.networks();
      default -> TestNetworks.someNetworks();
    };
  }

  @Override
  protected boolean runsMaps() {
    return false;
  }

  @Test
  void mapsAreRefused() {
    NetworkSpec network = TestNetworks.maps().get(0).network();
    Parameters parameters = TestData.parameters(network);
    TrainingOptions options = TestNetworks.maps().get(0).options(Precision.FP32);
    String message =
        "resizeOf5 resizes or concatenates images (resize), for which the engines on CUDA have no"
            + " kernels; use engine onednn";
    assertThatThrownBy(() -> engine().load(network, parameters, Precision.FP32))
        .isInstanceOf(EngineException.class)
        .hasMessage(message);
    assertThatThrownBy(() -> engine().planTraining(network, parameters, options))
        .isInstanceOf(EngineException.class)
        .hasMessage(message);
  }
}
