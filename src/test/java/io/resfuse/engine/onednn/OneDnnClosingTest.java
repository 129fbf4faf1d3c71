package io.resfuse.engine.onednn;

import io.resfuse.engine.ClosingContract;
import io.resfuse.engine.Engine;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.Engines;
import org.junit.jupiter.api.Test;

class OneDnnClosingTest extends ClosingContract {
  @Override
  protected Engine open() {
    return Engines.open("onednn", EngineOptions.defaults());
  }

  @Override
  protected long live() {
    return Scope.liveHandles() + NativeMemory.liveBytes();
  }

  /** Beside it there is scratch memory in which weights are packed. */
  @Test
  void memoryIsWhatItTakes() {
    try (Engine engine = open()) {
      assertMemoryIsWhatItTakes(engine, NativeMemory::liveBytes, true, 1 << 16);
    }
  }
}
