package io.resfuse.quantize;

import io.resfuse.engine.Encoding;
import io.resfuse.engine.Engine;
import io.resfuse.engine.LoadedNetwork;
import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.Operation;
import io.resfuse.engine.Operation.FusedConv;
import io.resfuse.engine.Operation.SqueezeExcite;
import io.resfuse.engine.Parameters;
import io.resfuse.engine.Precision;
import io.resfuse.engine.Quantization;
import io.resfuse.engine.QuantizedNetwork;
import io.resfuse.engine.QuantizedWeights;
import io.resfuse.engine.Value;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Makes integers of a network: runs it in float32 on pictures that stand for those to come, cuts
 * the ranges of its activations, and rounds its weights.
 *
 * <p>What comes out is a function of weights, pictures and options, and of the bits that the engine
 * gives for one picture: of neither the number of workers nor the order in which they finish. For
 * one thread at a time.
 */
public final class Quantizer {
  private final Engine engine;
  private final int workers;

  /**
   * A quantiser.
   *
   * @param engine runs the network in float32; not owned. For the same bits on any machine of a
   *     kind it should have one thread
   * @param workers how many pictures run at a time, each in a plan of its own
   */
  public Quantizer(Engine engine, int workers) {
    this.engine = engine;
    this.workers = workers;
  }

  /**
   * Quantises.
   *
   * @param network what runs
   * @param parameters its weights
   * @param pictures for calibration
   * @param options how
   * @return weights and encodings
   * @throws QuantizationException if pictures, weights or options are of no use, in one line
   */
  public Quantization quantize(
      NetworkSpec network, Parameters parameters, Pictures pictures, QuantizationOptions options) {
    if (pictures.count() == 0) {
      throw new QuantizationException(
          "there are no pictures to calibrate with; give at least one, better some hundred");
    }
    Map<String, QuantizedWeights> weights = new LinkedHashMap<>();
    for (FusedConv conv : quantized(network, options.keep())) {
      weights.put(conv.name(), WeightRounding.of(conv, parameters, options));
    }
    Set<String> names = QuantizedNetwork.encodedValues(network, weights.keySet());
    Map<String, Encoding> encodings = new LinkedHashMap<>();
    try (LoadedNetwork loaded = engine.load(network.withAllOutputs(), parameters, Precision.FP32)) {
      Calibration calibration =
          new Calibration(loaded, new Passes(pictures, workers), List.copyOf(names));
      Map<String, Double> largest = calibration.largest();
      Map<String, Histogram> histograms =
          options.method() == CalibrationMethod.MINMAX ? Map.of() : calibration.histograms(largest);
      for (String name : names) {
        boolean signed = isSigned(network, name);
        double most = largest.get(name);
        Histogram histogram = histograms.get(name);
        double threshold =
            histogram == null ? most : Thresholds.of(options, histogram, Encoding.steps(signed));
        // What is always 0 may be stored in steps of anything.
        encodings.put(name, Encoding.of(threshold > 1e-30 ? threshold : 1, signed));
      }
    }
    return new Quantization(weights, encodings);
  }

  /** The convolutions that are not kept. */
  private static List<FusedConv> quantized(NetworkSpec network, Set<String> keep) {
    Set<String> kept = new LinkedHashSet<>();
    for (String name : keep) {
      List<String> found =
          network.operations().stream()
              .filter(operation -> isMeant(network, operation, name))
              .map(Operation::name)
              .toList();
      if (found.isEmpty()) {
        throw new QuantizationException(
            network.name()
                + " has nothing called '"
                + name
                + "' to keep; give stem, or the beginning of a layer's name, layer1 or"
                + " layer1.0.conv1 for example");
      }
      kept.addAll(found);
    }
    List<FusedConv> rest =
        network.operations().stream()
            .filter(operation -> operation instanceof FusedConv && !kept.contains(operation.name()))
            .map(FusedConv.class::cast)
            .toList();
    if (rest.isEmpty()) {
      throw new QuantizationException(
          "no convolution of " + network.name() + " is left to quantise; keep fewer");
    }
    return rest;
  }

  private static boolean isMeant(NetworkSpec network, Operation operation, String name) {
    return name.equals("stem")
        ? operation instanceof FusedConv && operation.inputs().contains(network.input())
        : operation.name().equals(name) || operation.name().startsWith(name + ".");
  }

  /** Whether a value may be negative: unless a ReLU ends it. */
  private static boolean isSigned(NetworkSpec network, String name) {
    for (Operation operation : network.operations()) {
      if (operation.output().name().equals(name)) {
        if (operation instanceof FusedConv conv) {
          return !conv.relu();
        }
        if (operation instanceof SqueezeExcite gating) {
          return !gating.relu();
        }
        Value from = operation.inputs().get(0);
        return isSigned(network, from.name());
      }
    }
    return true;
  }
}
