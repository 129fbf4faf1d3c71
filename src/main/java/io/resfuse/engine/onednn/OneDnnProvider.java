package io.resfuse.engine.onednn;

import io.resfuse.engine.Engine;
import io.resfuse.engine.EngineException;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.EngineProvider;
import java.util.Optional;

/** Offers the oneDNN engine where its native library can be loaded. */
public final class OneDnnProvider implements EngineProvider {
  /** The name of the engine. */
  static final String NAME = "onednn";

  /** For the {@link java.util.ServiceLoader}; loads nothing. */
  public OneDnnProvider() {}

  @Override
  public String name() {
    return NAME;
  }

  @Override
  public int priority() {
    return 10;
  }

  @Override
  public Availability probe(EngineOptions options) {
    Optional<String> whyNot = NativeLibrary.whyNot();
    return whyNot
        .map(reason -> new Availability(false, reason))
        .orElseGet(() -> new Availability(true, OneDnnEngine.describe(options)));
  }

  @Override
  public Engine open(EngineOptions options) {
    NativeLibrary.whyNot()
        .ifPresent(
            reason -> {
              throw new EngineException("engine onednn cannot run here: " + reason);
            });
    return new OneDnnEngine(options);
  }
}
