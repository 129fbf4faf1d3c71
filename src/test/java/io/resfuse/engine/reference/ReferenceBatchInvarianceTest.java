package io.resfuse.engine.reference;

import io.resfuse.engine.BatchInvarianceContract;
import io.resfuse.engine.Engine;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.Engines;
import io.resfuse.engine.Precision;

class ReferenceBatchInvarianceTest extends BatchInvarianceContract {
  @Override
  protected Engine open(EngineOptions options) {
    return Engines.open("reference", options);
  }

  @Override
  protected Precision precision() {
    return Precision.FP64;
  }

  @Override
  protected boolean isSlow() {
    return true;
  }
}
