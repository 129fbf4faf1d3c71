package io.resfuse.engine.cuda;

import io.resfuse.engine.Engine;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.Engines;
import io.resfuse.engine.MemoryCapContract;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(SoftCudaExtension.class)
class CudaMemoryCapTest extends MemoryCapContract {
  @Override
  protected Engine open(EngineOptions options) {
    return Engines.open(
        "cuda",
        new EngineOptions(options.threads(), "softcuda")
            .withBatchInvariant(options.batchInvariant())
            .withMaxMemory(options.maxMemory()));
  }
}
