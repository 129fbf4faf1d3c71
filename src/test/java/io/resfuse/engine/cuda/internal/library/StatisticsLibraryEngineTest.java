package io.resfuse.engine.cuda.internal.library;

import static org.assertj.core.api.Assertions.assertThat;

import io.resfuse.engine.Precision;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;

/** The library convolves with statistics, and goes back through convolution and norm at once. */
class StatisticsLibraryEngineTest extends LibraryEngineContract {
  StatisticsLibraryEngineTest() {
    super(HostLoops.Kind.WITH_STATISTICS, Precision.FP32);
  }

  @BeforeAll
  static void count() {
    HostLoops.waysBack.set(0);
  }

  @AfterAll
  static void wentBackThroughBothAtOnce() {
    assertThat(HostLoops.waysBack).hasPositiveValue();
  }
}
