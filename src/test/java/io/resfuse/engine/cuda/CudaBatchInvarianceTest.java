package io.resfuse.engine.cuda;

import io.resfuse.engine.BatchInvarianceContract;
import io.resfuse.engine.Engine;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.Engines;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(SoftCudaExtension.class)
class CudaBatchInvarianceTest extends BatchInvarianceContract {
  @Override
  protected Engine open(EngineOptions options) {
    return Engines.open(
        "cuda",
        new EngineOptions(options.threads(), "softcuda")
            .withBatchInvariant(options.batchInvariant()));
  }

  @Override
  protected boolean isSlow() {
    return true;
  }
}
