package io.resfuse.engine.cuda.internal.library;

import io.resfuse.engine.Precision;

/** The library adds residuals and rectifies, too. */
class FusedLibraryEngineTest extends LibraryEngineContract {
  FusedLibraryEngineTest() {
    super(HostLoops.Kind.FUSED, Precision.FP32, Precision.BF16);
  }
}
