package io.resfuse.engine.cuda;

import io.resfuse.engine.Engine;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.cuda.internal.kernels.UserKernels;
import org.jspecify.annotations.Nullable;

/**
 * The CUDA engine with one user's kernels after the other in the place of some of ours. What they
 * do not replace is loaded once, and again only after a fault, which spoils the context. Not
 * thread-safe.
 */
public final class ChangingKernels implements AutoCloseable {
  private final EngineOptions options;
  private @Nullable CudaEngine engine;

  /**
   * Opens nothing yet.
   *
   * @param options the device
   */
  public ChangingKernels(EngineOptions options) {
    this.options = options;
  }

  /**
   * The engine with a user's kernels, which are loaded before any is asked for.
   *
   * @param kernels the user's
   * @return an engine that says of itself alone which kernels have run; to be closed before the
   *     next is opened
   * @throws io.resfuse.engine.EngineException if there is no such device, or it does not take the
   *     kernels
   */
  public Engine open(UserKernels kernels) {
    if (engine != null && engine.isBroken()) {
      close();
    }
    if (engine == null) {
      engine = new CudaEngine(CudaDevice.find(options), UserKernels.none());
    }
    return engine.replacing(kernels);
  }

  /** Frees everything. Idempotent. */
  @Override
  public void close() {
    if (engine != null) {
      engine.close();
      engine = null;
    }
  }
}
