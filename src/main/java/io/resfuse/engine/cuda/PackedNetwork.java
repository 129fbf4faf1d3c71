package io.resfuse.engine.cuda;

import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.Parameters;
import io.resfuse.engine.PlanRequest;
import io.resfuse.engine.Quantization;
import io.resfuse.engine.QuantizedNetwork;
import io.resfuse.engine.cuda.internal.backend.Backend;
import io.resfuse.engine.cuda.internal.driver.Context;
import io.resfuse.engine.cuda.internal.driver.DeviceMemory;
import io.resfuse.engine.cuda.internal.emit.Toolkit;
import io.resfuse.engine.cuda.internal.kernels.ElementType;
import io.resfuse.engine.cuda.internal.layout.Layouts;
import org.jspecify.annotations.Nullable;

/**
 * A network for inference: how its weights lie on the device, and what its plans do. Where some
 * convolutions compute with integers, all else is float32.
 */
final class PackedNetwork {
  private final NetworkSpec network;
  private final ElementType type;
  private final Backend backend;
  private final Layouts layouts;
  private final NetworkWeights weights;

  /** Null unless it computes in int8. */
  private final @Nullable Quantization quantization;

  /**
   * Decides on layouts.
   *
   * @param type bytes for int8
   * @param backend who runs the convolutions of floats
   * @param quantization of the network, in int8; else null
   */
  PackedNetwork(
      NetworkSpec network, ElementType type, Backend backend, @Nullable Quantization quantization) {
    this.network = network;
    this.backend = backend;
    this.quantization = quantization;
    if (quantization == null) {
      this.type = type;
      this.layouts = backend.layouts(network, type, true);
      this.weights = new NetworkWeights(network, layouts, type, backend.foldsScales());
    } else {
      this.type = ElementType.F32;
      this.layouts =
          Layouts.forIntegers(network, conv -> quantization.weights().containsKey(conv.name()));
      this.weights =
          new NetworkWeights(
              network,
              layouts,
              this.type,
              backend.foldsScales(),
              QuantizedNetwork.of(network, quantization));
    }
  }

  /** Packs parameters and copies them to the device. */
  DeviceMemory load(Context context, Parameters parameters) {
    return weights.load(context, parameters);
  }

  /** What a plan does. */
  InferenceProgram program(Toolkit toolkit, PlanRequest request) {
    if (quantization == null) {
      return new InferenceProgram(toolkit, type, network, layouts, weights, backend, request);
    }
    QuantizedNetwork integers =
        QuantizedNetwork.of(network.restrictedTo(request.outputs()), quantization);
    return new InferenceProgram(toolkit, integers, layouts, weights, backend, request);
  }
}
