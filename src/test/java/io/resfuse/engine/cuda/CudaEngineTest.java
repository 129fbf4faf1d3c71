package io.resfuse.engine.cuda;

import io.resfuse.engine.Engine;
import io.resfuse.engine.EngineContract;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.Engines;
import io.resfuse.engine.Precision;
import io.resfuse.engine.TestNetworks;
import io.resfuse.engine.TestNetworks.TestNetwork;
import java.util.List;
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

  /** The other two types run them as single operations. */
  @Override
  protected List<TestNetwork> segmentations(Precision precision) {
    return switch (precision) {
      case FP16, FP32 -> TestNetworks.segmentations();
      default -> List.of();
    };
  }
}
