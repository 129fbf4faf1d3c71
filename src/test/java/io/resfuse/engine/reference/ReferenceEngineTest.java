package io.resfuse.engine.reference;

import io.resfuse.engine.Engine;
import io.resfuse.engine.EngineContract;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.Precision;
import java.util.List;

/** The reference engine keeps the contract that it is the measure of. */
class ReferenceEngineTest extends EngineContract {
  @Override
  protected Engine open(EngineOptions options) {
    return new ReferenceEngine(options);
  }

  @Override
  protected List<Precision> precisions() {
    return List.of(Precision.FP64, Precision.FP16);
  }

  @Override
  protected boolean statesAreFloat32() {
    return false;
  }
}
