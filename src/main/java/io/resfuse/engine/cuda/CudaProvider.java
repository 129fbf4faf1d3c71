package io.resfuse.engine.cuda;

import io.resfuse.engine.Engine;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.EngineProvider;

/** Offers the CUDA engine where there is an NVIDIA GPU, and on softcuda to those who ask for it. */
public final class CudaProvider implements EngineProvider {
  /** The name of the engine. */
  static final String NAME = "cuda";

  /** For the {@link java.util.ServiceLoader}; loads nothing. */
  public CudaProvider() {}

  @Override
  public String name() {
    return NAME;
  }

  @Override
  public int priority() {
    return 20;
  }

  @Override
  public Availability probe(EngineOptions options) {
    return CudaDevice.probe(options);
  }

  @Override
  public Engine open(EngineOptions options) {
    return new CudaEngine(CudaDevice.find(options), options.autotune());
  }
}
