package io.resfuse.engine.reference;

import io.resfuse.engine.Engine;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.Engines;
import io.resfuse.engine.ShardContract;

class ReferenceShardTest extends ShardContract {
  @Override
  protected Engine open(int device) {
    return Engines.open("reference", new EngineOptions(1, ""));
  }

  @Override
  protected long live() {
    return 0;
  }
}
