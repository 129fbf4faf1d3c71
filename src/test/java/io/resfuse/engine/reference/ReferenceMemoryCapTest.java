package io.resfuse.engine.reference;

import io.resfuse.engine.Engine;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.Engines;
import io.resfuse.engine.MemoryCapContract;

class ReferenceMemoryCapTest extends MemoryCapContract {
  @Override
  protected Engine open(EngineOptions options) {
    return Engines.open("reference", options);
  }
}
