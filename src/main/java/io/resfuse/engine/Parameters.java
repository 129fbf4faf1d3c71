package io.resfuse.engine;

import io.resfuse.tensor.HostTensor;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The values of a network's parameters in the host's memory, running statistics among them. The set
 * of names and shapes is fixed; the elements may change (training reads them back). Not thread-safe
 * for writers.
 */
public final class Parameters {
  private final Map<String, HostTensor> tensors;
  private final @Nullable Quantization quantization;

  /**
   * Binds tensors to the parameters of a network.
   *
   * @param network whose parameters these are
   * @param tensors one tensor of the right shape per parameter; more are ignored
   * @throws IllegalArgumentException naming the first parameter that is missing or misshapen
   */
  public Parameters(NetworkSpec network, Map<String, HostTensor> tensors) {
    Map<String, HostTensor> bound = new LinkedHashMap<>();
    for (ParameterSpec spec : network.parameters().values()) {
      HostTensor tensor = tensors.get(spec.name());
      if (tensor == null) {
        throw new IllegalArgumentException(
            network.name() + ": no value for parameter " + spec.name());
      }
      if (!tensor.shape().equals(spec.shape())) {
        throw new IllegalArgumentException(
            network.name()
                + ": parameter "
                + spec.name()
                + " needs shape "
                + spec.shape()
                + ", got "
                + tensor.shape());
      }
      bound.put(spec.name(), tensor);
    }
    this.tensors = Collections.unmodifiableMap(bound);
    this.quantization = null;
  }

  private Parameters(Map<String, HostTensor> tensors, Quantization quantization) {
    this.tensors = tensors;
    this.quantization = quantization;
  }

  /**
   * The same with what inference in int8 needs.
   *
   * @param integers of the same network
   * @return a changed copy, which shares the tensors
   */
  public Parameters withQuantization(Quantization integers) {
    return new Parameters(tensors, integers);
  }

  /**
   * The weights as integers, and the scales of activations.
   *
   * @return null unless the weights were quantised
   */
  public @Nullable Quantization quantization() {
    return quantization;
  }

  /**
   * The same for an engine that computes in int8.
   *
   * @param network whose parameters these are
   * @return what {@link #quantization} has
   * @throws EngineException that says what to do if it has nothing
   */
  public Quantization requireQuantization(NetworkSpec network) {
    Quantization present = quantization;
    if (present == null) {
      throw new EngineException(
          "the weights of "
              + network.name()
              + " are not quantised, int8 was asked for; quantise them first: resfuse weights"
              + " quantize FILE --calibrate FOLDER --output FILE.safetensors");
    }
    return present;
  }

  /**
   * Zeros for every parameter.
   *
   * @param network whose parameters
   * @return new tensors on the heap
   */
  public static Parameters zeros(NetworkSpec network) {
    Map<String, HostTensor> tensors = new LinkedHashMap<>();
    network.parameters().values().forEach(p -> tensors.put(p.name(), HostTensor.zeros(p.shape())));
    return new Parameters(network, tensors);
  }

  /**
   * The value of a parameter.
   *
   * @param spec one of the network's
   * @return its tensor, shared
   */
  public HostTensor get(ParameterSpec spec) {
    return get(spec.name());
  }

  /**
   * The value of a parameter.
   *
   * @param name of one of the network's parameters
   * @return its tensor, shared
   * @throws IllegalArgumentException if there is none of that name
   */
  public HostTensor get(String name) {
    HostTensor tensor = tensors.get(name);
    if (tensor == null) {
      throw new IllegalArgumentException("no parameter is named " + name);
    }
    return tensor;
  }

  /**
   * All of them by name.
   *
   * @return an unmodifiable map in the network's order; its tensors are shared
   */
  public Map<String, HostTensor> asMap() {
    return tensors;
  }
}
