package io.resfuse.engine.onednn;

import io.resfuse.engine.BatchInvarianceContract;
import io.resfuse.engine.Engine;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.Engines;

class OneDnnBatchInvarianceTest extends BatchInvarianceContract {
  @Override
  protected Engine open(EngineOptions options) {
    return Engines.open("onednn", options);
  }
}
