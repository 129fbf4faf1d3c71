package io.resfuse.engine.cuda;

import io.resfuse.engine.Precision;

/** The library convolves and normalises; kernels of ours add and rectify. */
class SeparateLibraryEngineTest extends LibraryEngineContract {
  SeparateLibraryEngineTest() {
    super(false, Precision.FP32);
  }
}
