package io.resfuse.engine.onednn;

import io.resfuse.engine.Engine;
import io.resfuse.engine.EngineContract;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.Engines;
import io.resfuse.engine.Precision;
import java.util.List;

/** The oneDNN engine keeps the contract of all engines. */
class OneDnnEngineTest extends EngineContract {
  @Override
  protected Engine open(EngineOptions options) {
    return Engines.open("onednn", options);
  }

  @Override
  protected List<Precision> precisions() {
    return List.of(Precision.FP32, Precision.BF16);
  }
}
