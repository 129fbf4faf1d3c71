package io.resfuse.engine.onednn;

import io.resfuse.engine.Engine;
import io.resfuse.engine.EngineContract;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.Engines;
import io.resfuse.engine.NormSums;
import io.resfuse.engine.Precision;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The oneDNN engine keeps the contract of all engines. */
class OneDnnEngineTest extends EngineContract {
  @Override
  protected Engine open(EngineOptions options) {
    return Engines.open("onednn", options);
  }

  @Override
  protected List<Precision> precisions() {
    return List.of(Precision.FP32, Precision.BF16);
  }

  /** Up to ten million pixels, and images whose sides are primes. */
  @ParameterizedTest
  @CsvSource({
    "16, 223, 32, 32",
    "16, 7, 1, 1009",
    "8, 1, 2503, 67",
    "16, 10, 449, 450",
    "8, 10, 1000, 1000"
  })
  void sumsOverManyPixelsAreThoseOfFloat64(int channels, int batch, int height, int width) {
    NormSums.check(engine(), channels, batch, height, width);
  }
}
