package io.resfuse.engine.cuda.internal.library;

import io.resfuse.engine.Precision;

/** The library adds biases and residuals and rectifies, but weights bring the scales. */
class FoldedLibraryEngineTest extends LibraryEngineContract {
  FoldedLibraryEngineTest() {
    super(HostLoops.Kind.FOLDED, Precision.FP32);
  }
}
