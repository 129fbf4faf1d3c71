package io.resfuse.engine;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * What makes integers of a network: the weights of its convolutions, and how activations are
 * stored. {@link QuantizedNetwork} says what is computed with them. Immutable and thread-safe.
 *
 * @param weights by the names of the convolutions that multiply integers; all others compute in
 *     float32
 * @param encodings by the names of the values that are stored as integers. A value that an
 *     operation in float32 writes is stored so for the convolutions that read it; poolings and
 *     parameter-free shortcuts pass on the encoding of what they read
 */
public record Quantization(Map<String, QuantizedWeights> weights, Map<String, Encoding> encodings) {
  /**
   * Copies the maps.
   *
   * @param weights as in the record
   * @param encodings as in the record
   */
  public Quantization {
    weights = Collections.unmodifiableMap(new LinkedHashMap<>(weights));
    encodings = Collections.unmodifiableMap(new LinkedHashMap<>(encodings));
  }

  /**
   * Whether all weights have 7 bits.
   *
   * @return whether a CPU without VNNI multiplies them exactly
   */
  public boolean isReduced() {
    return weights.values().stream().allMatch(QuantizedWeights::isReduced);
  }

  /**
   * The same with weights of 7 bits.
   *
   * @return this if it {@link #isReduced is reduced}
   */
  public Quantization reduced() {
    if (isReduced()) {
      return this;
    }
    Map<String, QuantizedWeights> halves = new LinkedHashMap<>();
    weights.forEach((name, of) -> halves.put(name, of.reduced()));
    return new Quantization(halves, encodings);
  }
}
