package io.resfuse.engine.onednn;

import io.resfuse.engine.Engine;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.Engines;
import io.resfuse.engine.ShardContract;

class OneDnnShardTest extends ShardContract {
  @Override
  protected Engine open(int device) {
    return Engines.open("onednn", new EngineOptions(1, ""));
  }

  @Override
  protected long live() {
    return Scope.liveHandles() + NativeMemory.liveBytes();
  }
}
