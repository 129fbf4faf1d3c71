package io.resfuse.engine.cudnn;

import io.resfuse.engine.Engine;
import io.resfuse.engine.EngineException;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.EngineProvider;
import io.resfuse.engine.Precision;
import java.util.Optional;

/** Offers cuDNN, for comparison, to those who ask for it by name. */
public final class CudnnProvider implements EngineProvider {
  /** The name of the engine. */
  static final String NAME = "cudnn";

  /** For the {@link java.util.ServiceLoader}; loads nothing. */
  public CudnnProvider() {}

  @Override
  public String name() {
    return NAME;
  }

  @Override
  public int priority() {
    return -10;
  }

  @Override
  public Availability probe(EngineOptions options) {
    return CudnnLibrary.ofThisMachine().probe(options);
  }

  @Override
  public Engine open(EngineOptions options) {
    if (options.batchInvariant()) {
      throw new EngineException(
          "engine cudnn chooses algorithms by the batch, so the bits of an image depend on it;"
              + " leave --batch-invariant out, or take engine cuda");
    }
    Availability availability = probe(options);
    if (!availability.available()) {
      throw new EngineException("engine cudnn cannot run here: " + availability.detail());
    }
    return new CudnnEngine(options);
  }

  /** What the engine cannot do on any device. */
  static Optional<String> whyNot(Precision precision) {
    return precision == Precision.FP64 || precision == Precision.INT8
        ? Optional.of(
            "engine cudnn computes in fp32, tf32, bf16 and fp16, not in "
                + precision
                + "; use fp32")
        : Optional.empty();
  }
}
