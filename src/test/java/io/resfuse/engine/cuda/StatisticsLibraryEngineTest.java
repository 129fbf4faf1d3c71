package io.resfuse.engine.cuda;

import io.resfuse.engine.Precision;

/** The library convolves with statistics; kernels of ours do the rest of the batch norm. */
class StatisticsLibraryEngineTest extends LibraryEngineContract {
  StatisticsLibraryEngineTest() {
    super(HostLoops.Kind.WITH_STATISTICS, Precision.FP32);
  }
}
