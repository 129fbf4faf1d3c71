package io.resfuse.engine.reference;

import io.resfuse.engine.Encoding;
import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.Quantization;
import io.resfuse.engine.QuantizedNetwork;
import io.resfuse.engine.Value;
import org.jspecify.annotations.Nullable;

/**
 * What a plan runs.
 *
 * @param network restricted to the request's outputs; with conversions in int8
 * @param integers what is stored as integers; null where nothing is
 */
record Program(NetworkSpec network, @Nullable QuantizedNetwork integers) {
  static Program of(NetworkSpec restricted, @Nullable Quantization quantization) {
    if (quantization == null) {
      return new Program(restricted, null);
    }
    QuantizedNetwork quantized = QuantizedNetwork.of(restricted, quantization);
    return new Program(quantized.network(), quantized);
  }

  /** How a value is stored; null if not as integers. */
  @Nullable Encoding encoding(Value value) {
    return integers == null ? null : integers.encoding(value);
  }
}
