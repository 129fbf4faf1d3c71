package io.resfuse.engine.cuda;

import io.resfuse.engine.Engine;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.Engines;
import io.resfuse.engine.TorchvisionParity;
import org.junit.jupiter.api.extension.ExtendWith;

/** The CUDA engine in fp32, on softcuda, against torchvision. */
@ExtendWith(SoftCudaExtension.class)
class CudaTorchvisionTest extends TorchvisionParity {
  @Override
  protected Engine open(EngineOptions options) {
    return Engines.open("cuda", new EngineOptions(options.threads(), "softcuda"));
  }
}
