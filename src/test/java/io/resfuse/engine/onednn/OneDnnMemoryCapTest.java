package io.resfuse.engine.onednn;

import io.resfuse.engine.Engine;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.Engines;
import io.resfuse.engine.MemoryCapContract;

class OneDnnMemoryCapTest extends MemoryCapContract {
  @Override
  protected Engine open(EngineOptions options) {
    return Engines.open("onednn", options);
  }
}
