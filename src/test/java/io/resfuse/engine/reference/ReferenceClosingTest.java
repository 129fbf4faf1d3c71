package io.resfuse.engine.reference;

import io.resfuse.engine.ClosingContract;
import io.resfuse.engine.Engine;
import io.resfuse.engine.EngineOptions;

/** What the engine holds is threads. */
class ReferenceClosingTest extends ClosingContract {
  @Override
  protected Engine open() {
    return new ReferenceEngine(EngineOptions.defaults());
  }

  @Override
  protected long live() {
    return Loop.livePools();
  }
}
