package io.resfuse.engine.onednn;

import io.resfuse.engine.ConvolutionAlgorithm;
import io.resfuse.engine.Encoding;
import io.resfuse.engine.Engine;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.Engines;
import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.Operation;
import io.resfuse.engine.Parameters;
import io.resfuse.engine.PlanRequest;
import io.resfuse.engine.Precision;
import io.resfuse.engine.Quantization;
import io.resfuse.engine.QuantizedNetwork;
import io.resfuse.engine.QuantizedWeights;
import io.resfuse.engine.TestData;
import io.resfuse.engine.TrainingOptions;
import io.resfuse.model.ResNetConfig;
import io.resfuse.model.ResNetVariant;
import io.resfuse.platform.CpuCaches;
import java.util.Arrays;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/**
 * Prints which implementations oneDNN chooses for all ResNets, both directions: a line per network,
 * mode and type, with how many steps got which. Of networks that differ in their depth only, whose
 * layers are the same, it takes the first. A program of its own, since the instruction set is fixed
 * when oneDNN is loaded.
 */
final class Implementations {
  /** Those that are convolutions of our own need none of oneDNN's. */
  private static final FastConvolutions DIRECT =
      new FastConvolutions(ConvolutionAlgorithm.DIRECT, 2, false, CpuCaches.UNKNOWN);

  private Implementations() {}

  /** Zeros for all convolutions. */
  private static Quantization integers(NetworkSpec network) {
    Map<String, QuantizedWeights> weights = new LinkedHashMap<>();
    Set<String> rectified = new HashSet<>();
    for (Operation operation : network.operations()) {
      if (operation instanceof Operation.FusedConv conv) {
        int channels = conv.output().channels();
        float[] scales = new float[channels];
        Arrays.fill(scales, 1);
        int elements = (int) conv.weight().shape().elements();
        weights.put(
            conv.name(), new QuantizedWeights(new byte[elements], scales, new float[channels]));
        if (conv.relu()) {
          rectified.add(conv.name());
        }
      }
    }
    Map<String, Encoding> encodings = new LinkedHashMap<>();
    for (String value : QuantizedNetwork.encodedValues(network, weights.keySet())) {
      encodings.put(value, Encoding.of(1, !rectified.contains(value)));
    }
    return new Quantization(weights, encodings);
  }

  /** The instruction set, then the lines; nothing is computed. */
  public static void main(String[] arguments) {
    try (Engine engine = Engines.open("onednn", EngineOptions.defaults())) {
      System.out.println("isa " + InstructionSet.effective().name());
      for (ResNetVariant variant : variants()) {
        String name = variant.name();
        NetworkSpec network = ResNetConfig.of(name).build();
        int size = variant.imageSize();
        Quantization integers = integers(network);
        try (Scope scope = new Scope();
            PackedWeights weights =
                new PackedWeights(network, Parameters.zeros(network), integers)) {
          print(
              name + " inference int8",
              new InferenceProgram(
                      scope,
                      network,
                      integers,
                      PlanRequest.logits(2, size),
                      Dnnl.F32,
                      weights,
                      DIRECT)
                  .implementations());
        }
        for (Precision precision : List.of(Precision.FP32, Precision.BF16)) {
          int type = precision == Precision.BF16 ? Dnnl.BF16 : Dnnl.F32;
          if (engine.whyNot(precision, Engine.Mode.INFERENCE).isEmpty()) {
            try (Scope scope = new Scope();
                PackedWeights weights =
                    new PackedWeights(network, TestData.parameters(network), null)) {
              print(
                  name + " inference " + precision,
                  new InferenceProgram(
                          scope, network, null, PlanRequest.logits(2, size), type, weights, DIRECT)
                      .implementations());
            }
          }
          if (engine.whyNot(precision, Engine.Mode.TRAINING).isEmpty()) {
            try (Scope scope = new Scope()) {
              TrainingProgram program =
                  TrainingProgram.of(
                      scope, network, TrainingOptions.standard(2, size, precision), type, DIRECT);
              print(
                  name + " training " + precision + " in " + program.format(),
                  program.implementations());
            }
          }
        }
      }
    }
  }

  /** Those whose layers no other has: of every table with two blocks or more a stage the first. */
  static List<ResNetVariant> variants() {
    Map<ResNetVariant, ResNetVariant> byLayers = new LinkedHashMap<>();
    for (ResNetVariant variant : ResNetVariant.all()) {
      byLayers.putIfAbsent(
          new ResNetVariant(
              "",
              variant.block(),
              variant.stem(),
              variant.blocks().stream().map(blocks -> Math.min(2, blocks)).toList(),
              variant.widths(),
              variant.groups(),
              variant.widthPerGroup(),
              variant.residual(),
              variant.averagedShortcuts(),
              variant.squeezeExcitation()),
          variant);
    }
    return List.copyOf(byLayers.values());
  }

  private static void print(String what, List<Implementation> implementations) {
    Map<String, Integer> counts = new TreeMap<>();
    implementations.forEach(one -> counts.merge(one.name(), 1, Integer::sum));
    System.out.println(what + " " + counts);
  }
}
