package io.resfuse.engine.cuda;

import io.resfuse.engine.ClosingContract;
import io.resfuse.engine.DeviceMeter;
import io.resfuse.engine.Engine;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.Engines;
import io.resfuse.engine.cuda.internal.driver.Context;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(SoftCudaExtension.class)
class CudaClosingTest extends ClosingContract {
  @Override
  protected Engine open() {
    return Engines.open("cuda", new EngineOptions(0, "softcuda"));
  }

  @Override
  protected long live() {
    return Context.liveObjects();
  }

  /** The driver hands memory out in blocks of 512 bytes or so, and a plan takes few. */
  @Test
  void memoryIsWhatItTakes() {
    try (Engine engine = open()) {
      DeviceMeter meter = (DeviceMeter) engine;
      assertMemoryIsWhatItTakes(engine, () -> -meter.freeBytes(), false, 1 << 14);
    }
  }
}
