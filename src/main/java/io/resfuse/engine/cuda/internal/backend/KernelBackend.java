package io.resfuse.engine.cuda.internal.backend;

import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.cuda.internal.emit.Emission;
import io.resfuse.engine.cuda.internal.kernels.ElementType;
import io.resfuse.engine.cuda.internal.layout.Layouts;

/** Our kernels. */
public final class KernelBackend implements Backend {
  @Override
  public Layouts layouts(NetworkSpec network, ElementType type, boolean narrowImage) {
    return Layouts.forKernels(network, type);
  }

  @Override
  public boolean foldsScales() {
    return false;
  }

  @Override
  public boolean warmsUp() {
    return false;
  }

  @Override
  public InferenceConvolutions inference(Emission emission) {
    return new KernelInference(emission);
  }

  @Override
  public TrainingConvolutions training(TrainingState state) {
    return new KernelTraining(state);
  }
}
