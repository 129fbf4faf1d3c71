package io.resfuse.bench;

import io.resfuse.engine.Engine;
import io.resfuse.engine.Precision;
import io.resfuse.verify.Parity;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The large products that stay open during a benchmark: for each device and precision that of the
 * first engine which can do it. Not thread-safe.
 */
final class Products implements AutoCloseable {
  /** Is told which engine's product is opened next. */
  interface Listener {
    void next(Engine engine, Precision precision);
  }

  private record Key(String place, Precision precision) {}

  private final Map<Key, Product> all = new LinkedHashMap<>();

  private Products() {}

  /**
   * Opens them.
   *
   * @param competitors with the engines
   * @param precisions that are wanted
   * @param ceilings measured with every engine's product; null if nobody wants to know
   */
  static Products open(
      List<Competitor> competitors,
      Set<Precision> precisions,
      Parity data,
      @Nullable Ceilings ceilings,
      Listener listener) {
    Products products = new Products();
    boolean done = false;
    try {
      for (Competitor competitor : competitors) {
        Engine engine = competitor.engine().orElse(null);
        for (Precision precision : precisions) {
          if (engine != null && engine.whyNot(precision, Engine.Mode.INFERENCE).isEmpty()) {
            listener.next(engine, precision);
            products.add(competitor, engine, precision, data, ceilings);
          }
        }
      }
      done = true;
      return products;
    } finally {
      if (!done) {
        products.close();
      }
    }
  }

  private void add(
      Competitor competitor,
      Engine engine,
      Precision precision,
      Parity data,
      @Nullable Ceilings ceilings) {
    Key key = new Key(competitor.place().name(), precision);
    if (all.containsKey(key) && ceilings == null) {
      return;
    }
    Product product = Product.large(engine, precision, data);
    boolean isKept = false;
    try {
      if (ceilings != null) {
        ceilings.measure(engine, precision, product);
      }
      isKept = all.putIfAbsent(key, product) == null;
    } finally {
      if (!isKept) {
        product.close();
      }
    }
  }

  /** The one of a competitor's device; null if no engine is there that can do it. */
  @Nullable Product of(Competitor competitor, Precision precision) {
    return all.get(new Key(competitor.place().name(), precision));
  }

  @Override
  public void close() {
    all.values().forEach(Product::close);
  }
}
