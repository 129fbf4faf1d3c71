package io.resfuse.engine.cuda.internal.backend;

import io.resfuse.engine.Operation.BatchNorm;
import io.resfuse.engine.Operation.FusedConv;
import io.resfuse.engine.cuda.internal.emit.Normalizations;
import io.resfuse.engine.cuda.internal.layout.Activation;
import io.resfuse.engine.cuda.internal.layout.ParameterSpace;
import io.resfuse.engine.cuda.internal.program.Buffer;
import io.resfuse.engine.cuda.internal.program.Region;
import java.util.HashMap;
import java.util.Map;

/** What the batch norms of a network in training keep on the device. */
public final class TrainingNorms {
  private final Map<String, Normalizations.Norm> norms = new HashMap<>();
  private final ParameterSpace parameters;
  private final Region region;

  TrainingNorms(ParameterSpace parameters, Region region) {
    this.parameters = parameters;
    this.region = region;
  }

  /** That of a convolution which has one. */
  public Normalizations.Norm of(FusedConv conv, BatchNorm norm) {
    return norms.computeIfAbsent(conv.name(), name -> create(conv, norm));
  }

  private Normalizations.Norm create(FusedConv conv, BatchNorm norm) {
    int channels = Activation.pad(conv.output().channels());
    return new Normalizations.Norm(
        conv.name(),
        channels,
        parameters.master(norm.gamma()),
        parameters.master(norm.beta()),
        parameters.master(norm.mean()),
        parameters.master(norm.variance()),
        (float) norm.epsilon(),
        (float) norm.momentum(),
        vector(channels),
        vector(channels),
        vector(channels),
        vector(channels));
  }

  private Buffer vector(int channels) {
    return region.add((long) channels * Float.BYTES);
  }
}
