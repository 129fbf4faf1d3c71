package io.resfuse.engine.cuda;

import io.resfuse.engine.Precision;

/** The library adds residuals and rectifies, too. */
class FusedLibraryEngineTest extends LibraryEngineContract {
  FusedLibraryEngineTest() {
    super(true, Precision.FP32, Precision.BF16);
  }
}
