package io.resfuse.engine.cuda.internal.library;

import io.resfuse.engine.Precision;

/** The library convolves and normalises; kernels of ours add and rectify. */
class SeparateLibraryEngineTest extends LibraryEngineContract {
  SeparateLibraryEngineTest() {
    super(HostLoops.Kind.SEPARATE, Precision.FP32);
  }
}
