package io.resfuse.bench;

import io.resfuse.engine.Engine;
import io.resfuse.engine.Precision;
import io.resfuse.verify.Parity;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;

/**
 * The large products that stay open during a benchmark: for each device and precision that of the
 * first engine which can do it. Not thread-safe.
 */
final class ReferenceGemms implements AutoCloseable {
  private record Key(String pool, Precision precision) {}

  private final Map<Key, ReferenceGemm> all = new LinkedHashMap<>();

  private ReferenceGemms() {}

  /**
   * Opens them.
   *
   * @param competitors with the engines
   * @param precisions that are wanted
   * @param data gives numbers
   * @param ceilings measured with every engine's product; null if nobody wants to know
   * @param listener is told which engine's product is opened next
   */
  static ReferenceGemms open(
      List<Competitor> competitors,
      Set<Precision> precisions,
      Parity data,
      @Nullable Ceilings ceilings,
      BiConsumer<Engine, Precision> listener) {
    ReferenceGemms gemms = new ReferenceGemms();
    boolean done = false;
    try {
      for (Competitor competitor : competitors) {
        Engine engine = competitor.engine().orElse(null);
        for (Precision precision : precisions) {
          if (engine != null && engine.whyNot(precision, Engine.Mode.INFERENCE).isEmpty()) {
            listener.accept(engine, precision);
            Key key = new Key(competitor.pool().name(), precision);
            gemms.add(key, engine, data, ceilings);
          }
        }
      }
      done = true;
      return gemms;
    } finally {
      if (!done) {
        gemms.close();
      }
    }
  }

  private void add(Key key, Engine engine, Parity data, @Nullable Ceilings ceilings) {
    if (all.containsKey(key) && ceilings == null) {
      return;
    }
    ReferenceGemm gemm = ReferenceGemm.large(engine, key.precision(), data);
    boolean isKept = false;
    try {
      if (ceilings != null) {
        ceilings.measure(engine, key.pool(), key.precision(), gemm);
      }
      isKept = all.putIfAbsent(key, gemm) == null;
    } finally {
      if (!isKept) {
        gemm.close();
      }
    }
  }

  /** The one of a competitor's device; null if no engine is there that can do it. */
  @Nullable ReferenceGemm of(Competitor competitor, Precision precision) {
    return all.get(new Key(competitor.pool().name(), precision));
  }

  @Override
  public void close() {
    all.values().forEach(ReferenceGemm::close);
  }
}
