package io.resfuse.engine.onednn;

import io.resfuse.engine.Engine;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.Engines;
import io.resfuse.engine.TorchvisionParity;

/** The oneDNN engine in fp32 against torchvision. */
class OneDnnTorchvisionTest extends TorchvisionParity {
  @Override
  protected Engine open(EngineOptions options) {
    return Engines.open("onednn", options);
  }
}
