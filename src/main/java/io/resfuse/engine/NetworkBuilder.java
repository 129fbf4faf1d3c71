package io.resfuse.engine;

import io.resfuse.engine.Operation.AveragePool;
import io.resfuse.engine.Operation.BatchNorm;
import io.resfuse.engine.Operation.BilinearResize;
import io.resfuse.engine.Operation.Concat;
import io.resfuse.engine.Operation.FusedConv;
import io.resfuse.engine.Operation.GlobalAveragePool;
import io.resfuse.engine.Operation.Linear;
import io.resfuse.engine.Operation.MaxPool;
import io.resfuse.engine.Operation.SqueezeExcite;
import io.resfuse.engine.Operation.SubsampledIdentity;
import io.resfuse.engine.Operation.Window;
import io.resfuse.engine.ParameterSpec.Role;
import io.resfuse.tensor.Shape;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Collects the operations of a {@link NetworkSpec}. Not thread-safe. */
public final class NetworkBuilder {
  private final String name;
  private final List<Value> values = new ArrayList<>();
  private final List<Operation> operations = new ArrayList<>();
  private final Map<String, Value> outputs = new LinkedHashMap<>();
  private final Value input;

  /**
   * An empty network.
   *
   * @param name what it is called
   * @param inputChannels channels of the image
   */
  public NetworkBuilder(String name, int inputChannels) {
    this.name = name;
    this.input = value("input", inputChannels, false);
  }

  /**
   * The image.
   *
   * @return the first value
   */
  public Value input() {
    return input;
  }

  /**
   * A convolution with what can be fused to it; see {@link FusedConv}.
   *
   * @param in what is convolved
   * @param conv names and geometry
   * @param residual added before the ReLU, or null
   * @param relu whether a ReLU ends it
   * @return the result
   */
  public Value fusedConv(Value in, Conv conv, @Nullable Value residual, boolean relu) {
    if (in.channels() % conv.groups() != 0 || conv.outChannels() % conv.groups() != 0) {
      throw new IllegalArgumentException(
          conv.name()
              + ": "
              + conv.groups()
              + " groups do not divide "
              + in.channels()
              + " input and "
              + conv.outChannels()
              + " output channels");
    }
    if (residual != null && residual.channels() != conv.outChannels()) {
      throw new IllegalArgumentException(
          conv.name()
              + ": the residual has "
              + residual.channels()
              + " channels, the convolution "
              + conv.outChannels());
    }
    int kernel = conv.window().kernel();
    int out = conv.outChannels();
    Value output = value(conv.name(), out, false);
    Shape weight = Shape.of(out, in.channels() / conv.groups(), kernel, kernel);
    operations.add(
        new FusedConv(
            conv.name(),
            in,
            conv.window(),
            conv.groups(),
            new ParameterSpec(conv.name() + ".weight", weight, Role.CONV_WEIGHT),
            conv.bias() ? vector(conv.name() + ".bias", out, Role.CONV_BIAS) : null,
            conv.batchNorm() == null ? null : batchNorm(conv.batchNorm(), out),
            residual,
            relu,
            output));
    return output;
  }

  /**
   * Names and geometry of a convolution and its batch norm.
   *
   * @param name of the convolution; its parameters are {@code name.weight} and {@code name.bias}
   * @param outChannels channels of the result
   * @param window geometry
   * @param groups groups of channels
   * @param bias whether it has a bias
   * @param batchNorm what follows, or null
   */
  public record Conv(
      String name,
      int outChannels,
      Window window,
      int groups,
      boolean bias,
      @Nullable Norm batchNorm) {}

  /**
   * Name and constants of a batch norm.
   *
   * @param name its parameters are {@code name.weight}, {@code .bias}, {@code .running_mean} and
   *     {@code .running_var}
   * @param epsilon added to the variance
   * @param momentum share of the new batch in the running statistics
   */
  public record Norm(String name, double epsilon, double momentum) {}

  private static BatchNorm batchNorm(Norm norm, int channels) {
    return new BatchNorm(
        vector(norm.name() + ".weight", channels, Role.BN_GAMMA),
        vector(norm.name() + ".bias", channels, Role.BN_BETA),
        vector(norm.name() + ".running_mean", channels, Role.BN_MEAN),
        vector(norm.name() + ".running_var", channels, Role.BN_VARIANCE),
        norm.epsilon(),
        norm.momentum());
  }

  private static ParameterSpec vector(String parameterName, int length, Role role) {
    return new ParameterSpec(parameterName, Shape.of(length), role);
  }

  /**
   * Max pooling.
   *
   * @param opName unique name
   * @param in what is pooled
   * @param window geometry, dilation 1
   * @return the result
   */
  public Value maxPool(String opName, Value in, Window window) {
    if (window.padding() >= window.kernel() || window.dilation() != 1) {
      throw new IllegalArgumentException(
          opName + ": pooling needs padding below its kernel and dilation 1, got " + window);
    }
    Value output = value(opName, in.channels(), false);
    operations.add(new MaxPool(opName, in, window, output));
    return output;
  }

  /**
   * Average pooling over squares that do not overlap.
   *
   * @param opName unique name
   * @param in what is pooled
   * @param size rows and columns of a square
   * @return (batch, channels, height / size, width / size), rounded up
   */
  public Value averagePool(String opName, Value in, int size) {
    if (size < 1) {
      throw new IllegalArgumentException(
          opName + ": an average needs squares of at least one pixel, got " + size);
    }
    Value output = value(opName, in.channels(), false);
    operations.add(new AveragePool(opName, in, size, output));
    return output;
  }

  /**
   * The parameter-free shortcut (option A).
   *
   * @param opName unique name
   * @param in what is subsampled
   * @param stride step in both directions
   * @param outChannels channels of the result; half of the new ones go before the input's
   * @return the result
   */
  public Value subsampledIdentity(String opName, Value in, int stride, int outChannels) {
    if (outChannels < in.channels()) {
      throw new IllegalArgumentException(
          opName + ": cannot pad " + in.channels() + " channels to " + outChannels);
    }
    Value output = value(opName, outChannels, false);
    operations.add(
        new SubsampledIdentity(opName, in, stride, (outChannels - in.channels()) / 2, output));
    return output;
  }

  /**
   * Squeeze and excitation; see {@link SqueezeExcite}.
   *
   * @param opName its parameters are {@code opName.fc1.weight}, {@code .fc1.bias}, {@code
   *     .fc2.weight} and {@code .fc2.bias}
   * @param in what is multiplied
   * @param reduced channels between the two products
   * @param residual added before the ReLU, of the shape of {@code in}, or null
   * @param relu whether a ReLU ends it
   * @return the result, of the shape of {@code in}
   */
  public Value squeezeExcite(
      String opName, Value in, int reduced, @Nullable Value residual, boolean relu) {
    int channels = in.channels();
    if (reduced < 1 || in.isFlat()) {
      throw new IllegalArgumentException(
          opName
              + ": squeeze and excitation needs an image and at least one channel, got "
              + reduced);
    }
    if (residual != null && residual.channels() != channels) {
      throw new IllegalArgumentException(
          opName
              + ": the residual has "
              + residual.channels()
              + " channels, what it is added to "
              + channels);
    }
    Value output = value(opName, channels, false);
    operations.add(
        new SqueezeExcite(
            opName,
            in,
            new ParameterSpec(
                opName + ".fc1.weight", Shape.of(reduced, channels, 1, 1), Role.GATE_WEIGHT),
            vector(opName + ".fc1.bias", reduced, Role.GATE_BIAS),
            new ParameterSpec(
                opName + ".fc2.weight", Shape.of(channels, reduced, 1, 1), Role.GATE_WEIGHT),
            vector(opName + ".fc2.bias", channels, Role.GATE_BIAS),
            residual,
            relu,
            output));
    return output;
  }

  /**
   * The mean over rows and columns.
   *
   * @param opName unique name
   * @param in (batch, channels, height, width)
   * @return (batch, channels)
   */
  public Value globalAveragePool(String opName, Value in) {
    Value output = value(opName, in.channels(), true);
    operations.add(new GlobalAveragePool(opName, in, output));
    return output;
  }

  /**
   * The mean over rows and columns, as an image of one pixel, which convolutions can read.
   *
   * @param opName unique name
   * @param in (batch, channels, height, width)
   * @return (batch, channels, 1, 1)
   */
  public Value averagePixel(String opName, Value in) {
    Value output = value(opName, in.channels(), false);
    operations.add(new GlobalAveragePool(opName, in, output));
    return output;
  }

  /**
   * Bilinear interpolation; see {@link BilinearResize}.
   *
   * @param opName unique name
   * @param in what is resized
   * @param like whose rows and columns the result has: the network's image, or a value that leads
   *     to {@code in}
   * @return the result, of the channels of {@code in}
   */
  public Value bilinearResize(String opName, Value in, Value like) {
    if (in.isFlat() || like.isFlat()) {
      throw new IllegalArgumentException(opName + ": only images can be resized, and to images");
    }
    if (!like.equals(input) && !leadsTo(in).contains(like)) {
      throw new IllegalArgumentException(
          opName
              + ": the size must be that of the network's image or of a value that leads to "
              + in.name()
              + ", got "
              + like.name());
    }
    Value output = value(opName, in.channels(), false);
    operations.add(new BilinearResize(opName, in, like, output));
    return output;
  }

  /** The value, and those that it is computed from. */
  private Set<Value> leadsTo(Value value) {
    Set<Value> found = new HashSet<>(Set.of(value));
    for (int i = operations.size() - 1; i >= 0; i--) {
      if (found.contains(operations.get(i).output())) {
        found.addAll(operations.get(i).inputs());
      }
    }
    return found;
  }

  /**
   * The channels of several images of the same size; see {@link Concat}.
   *
   * @param opName unique name
   * @param in at least two values, different ones
   * @return (batch, sum of the channels, height, width)
   */
  public Value concat(String opName, List<Value> in) {
    if (in.size() < 2 || Set.copyOf(in).size() < in.size() || in.stream().anyMatch(Value::isFlat)) {
      throw new IllegalArgumentException(
          opName + ": at least two different images can be concatenated, got " + in);
    }
    Value output = value(opName, in.stream().mapToInt(Value::channels).sum(), false);
    operations.add(new Concat(opName, in, output));
    return output;
  }

  /**
   * A linear layer with bias.
   *
   * @param opName its parameters are {@code opName.weight} and {@code opName.bias}
   * @param in (batch, in)
   * @param outFeatures columns of the result
   * @return (batch, outFeatures)
   */
  public Value linear(String opName, Value in, int outFeatures) {
    Value output = value(opName, outFeatures, true);
    operations.add(
        new Linear(
            opName,
            in,
            new ParameterSpec(
                opName + ".weight", Shape.of(outFeatures, in.channels()), Role.LINEAR_WEIGHT),
            vector(opName + ".bias", outFeatures, Role.LINEAR_BIAS),
            output));
    return output;
  }

  /**
   * Lets callers read a value.
   *
   * @param outputName unique name
   * @param value what they read
   */
  public void output(String outputName, Value value) {
    if (outputs.put(outputName, value) != null) {
      throw new IllegalArgumentException("two outputs are named " + outputName);
    }
  }

  /**
   * The network so far.
   *
   * @return an immutable network
   * @throws IllegalStateException if it has no output
   */
  public NetworkSpec build() {
    if (outputs.isEmpty()) {
      throw new IllegalStateException(name + " has no output");
    }
    return new NetworkSpec(name, input, values, operations, outputs);
  }

  private Value value(String valueName, int channels, boolean flat) {
    Value value = new Value(values.size(), valueName, channels, flat);
    values.add(value);
    return value;
  }
}
