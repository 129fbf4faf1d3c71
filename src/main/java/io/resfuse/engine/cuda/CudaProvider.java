package io.resfuse.engine.cuda;

import io.resfuse.engine.Engine;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.EngineProvider;
import io.resfuse.engine.cuda.internal.driver.Device;
import io.resfuse.engine.cuda.internal.kernels.UserKernels;
import io.resfuse.engine.spi.DeviceGroup;
import java.util.ArrayList;
import java.util.List;

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
    List<Device> devices = CudaDevice.findAll(options);
    List<Engine> engines = new ArrayList<>();
    boolean done = false;
    try {
      for (Device device : devices) {
        engines.add(new CudaEngine(device, options.autotune(), options.batchInvariant()));
      }
      done = true;
    } finally {
      if (!done) {
        engines.forEach(Engine::close);
      }
    }
    return engines.size() == 1 ? engines.get(0) : new DeviceGroup(engines);
  }

  /**
   * Opens the engine with a user's kernels in the place of some of ours.
   *
   * @param options the device
   * @param kernels the user's
   * @return a new engine, to be closed
   * @throws io.resfuse.engine.EngineException if there is no such device
   */
  public Engine open(EngineOptions options, UserKernels kernels) {
    return new CudaEngine(CudaDevice.find(options), kernels);
  }
}
