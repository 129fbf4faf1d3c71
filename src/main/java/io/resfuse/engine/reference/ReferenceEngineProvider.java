package io.resfuse.engine.reference;

import io.resfuse.engine.Engine;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.EngineProvider;

/** Knows the engine {@code reference}. It can always run, so {@code auto} tries it last. */
public final class ReferenceEngineProvider implements EngineProvider {
  /** The engine's name. */
  public static final String NAME = "reference";

  /** For the service loader. */
  public ReferenceEngineProvider() {}

  @Override
  public String name() {
    return NAME;
  }

  @Override
  public int priority() {
    return 0;
  }

  @Override
  public Availability probe(EngineOptions options) {
    return new Availability(true, ReferenceEngine.describe(options));
  }

  @Override
  public Engine open(EngineOptions options) {
    return new ReferenceEngine(options);
  }
}
