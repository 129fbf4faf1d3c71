package io.resfuse.engine.reference;

import io.resfuse.engine.InferencePlan;
import io.resfuse.engine.LoadedNetwork;
import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.Parameters;
import io.resfuse.engine.PlanMemory;
import io.resfuse.engine.PlanRequest;
import io.resfuse.engine.Precision;
import io.resfuse.engine.Quantization;
import io.resfuse.engine.spi.Lifetime;
import io.resfuse.engine.spi.RecordedPlans;
import org.jspecify.annotations.Nullable;

/** Weights as doubles on the heap, shared by the plans. Thread-safe. */
public final class ReferenceLoadedNetwork implements LoadedNetwork {
  private final NetworkSpec network;
  private final Rounding rounding;
  private final ParameterStore parameters;
  private final Loop loop;
  private final Lifetime lifetime;

  /** Null unless it computes in int8. */
  private final @Nullable Quantization quantization;

  ReferenceLoadedNetwork(
      NetworkSpec network, Parameters parameters, Precision precision, Loop loop, Runnable onFree) {
    this.network = network;
    this.rounding = Rounding.of(precision);
    this.parameters = new ParameterStore(network, parameters, rounding);
    this.loop = loop;
    this.quantization =
        precision == Precision.INT8 ? parameters.requireQuantization(network) : null;
    this.lifetime = new Lifetime("network " + network.name(), onFree);
  }

  @Override
  public NetworkSpec network() {
    return network;
  }

  @Override
  public long weightBytes() {
    return MemoryEstimate.parameters(network, rounding);
  }

  @Override
  public PlanMemory memory(PlanRequest request) {
    request.requireHostFloats(ReferenceEngineProvider.NAME);
    return MemoryEstimate.inference(network, program(request), request, rounding);
  }

  @Override
  public InferencePlan plan(PlanRequest request) {
    request.requireHostFloats(ReferenceEngineProvider.NAME);
    try {
      return RecordedPlans.make(
          this,
          request,
          () ->
              lifetime.make(
                  onClose ->
                      new ReferenceInferencePlan(
                          network,
                          program(request),
                          request,
                          parameters,
                          rounding,
                          loop,
                          onClose)));
    } catch (OutOfMemoryError e) {
      throw ReferenceEngine.outOfMemory(network, memory(request), e);
    }
  }

  private Program program(PlanRequest request) {
    return Program.of(network.restrictedTo(request.outputs()), quantization);
  }

  @Override
  public void close() {
    lifetime.close();
  }
}
