package io.resfuse.engine.onednn;

import static org.assertj.core.api.Assertions.assertThat;

import io.resfuse.engine.Encoding;
import io.resfuse.engine.Engine;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.Engines;
import io.resfuse.engine.InferencePlan;
import io.resfuse.engine.LoadedNetwork;
import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.Operation;
import io.resfuse.engine.Parameters;
import io.resfuse.engine.PlanRequest;
import io.resfuse.engine.Precision;
import io.resfuse.engine.Quantization;
import io.resfuse.engine.RandomPictures;
import io.resfuse.engine.TestData;
import io.resfuse.engine.TestNetworks;
import io.resfuse.engine.TestNetworks.TestNetwork;
import io.resfuse.quantize.QuantizationOptions;
import io.resfuse.quantize.Quantizer;
import io.resfuse.tensor.TensorLayout;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Holds the CPU engine in int8 against the reference engine, bit for bit, and prints what differs.
 * A program of its own, since the instruction set is fixed when oneDNN is loaded.
 */
public final class Int8Equality {
  /** Of values that may be negative: of all values but one is on either side, and usual ones. */
  private static final int[] ZERO_POINTS = {114, 1, 254, 140};

  private Int8Equality() {}

  /** The instruction set, then a line for each network with what differs, empty if nothing. */
  public static void main(String[] arguments) {
    try (Engine engine = Engines.open("onednn", new EngineOptions(2, ""));
        Engine reference = Engines.open("reference", new EngineOptions(2, ""))) {
      System.out.println("isa " + InstructionSet.effective().name());
      for (TestNetwork test : networks()) {
        System.out.println(test.network().name() + ": " + difference(engine, reference, test));
      }
    }
  }

  /** All test networks with convolutions. */
  public static List<TestNetwork> networks() {
    List<TestNetwork> all = new ArrayList<>(TestNetworks.operations());
    all.addAll(TestNetworks.networks());
    all.removeIf(
        test ->
            test.network().operations().stream().noneMatch(Operation.FusedConv.class::isInstance));
    return all;
  }

  /** Whether something between convolutions is computed in float32, which engines do not share. */
  public static boolean hasFloatsBetween(NetworkSpec network) {
    return network.operations().stream().anyMatch(Operation.SqueezeExcite.class::isInstance);
  }

  /** Random parameters, quantised by the engine, to as many bits as it can multiply. */
  public static Parameters quantized(Engine engine, TestNetwork test, Set<String> keep) {
    return quantized(engine, test, engine.wantsReducedWeights(), keep);
  }

  /** The same, but for zero points: where values may be negative, other ones than ours. */
  public static Parameters shifted(Parameters parameters) {
    Quantization integers = parameters.quantization();
    Map<String, Encoding> encodings = new LinkedHashMap<>();
    integers
        .encodings()
        .forEach(
            (name, encoding) -> {
              int other = ZERO_POINTS[encodings.size() % ZERO_POINTS.length];
              int zeroPoint = encoding.zeroPoint() == 0 ? 0 : other;
              encodings.put(name, new Encoding(encoding.scale(), zeroPoint));
            });
    return parameters.withQuantization(new Quantization(integers.weights(), encodings));
  }

  private static Parameters quantized(Engine engine, TestNetwork test, boolean reduced) {
    return quantized(engine, test, reduced, Set.of());
  }

  private static Parameters quantized(
      Engine engine, TestNetwork test, boolean reduced, Set<String> keep) {
    Parameters parameters = TestData.parameters(test.network());
    Quantization quantization =
        new Quantizer(engine, 1)
            .quantize(
                test.network(),
                parameters,
                new RandomPictures(test.network(), 3, test.height(), test.width()),
                QuantizationOptions.DEFAULTS.withReducedRange(reduced).withKeep(keep));
    return parameters.withQuantization(quantization);
  }

  /** All outputs of a network. */
  public static Map<String, float[]> run(
      Engine engine,
      Precision precision,
      TestNetwork test,
      Parameters parameters,
      TensorLayout layout) {
    return run(engine, precision, test, parameters, layout, test.images());
  }

  /** All outputs of a network for other images, in NCHW order. */
  public static Map<String, float[]> run(
      Engine engine, Precision precision, TestNetwork test, Parameters parameters, float[] images) {
    return run(engine, precision, test, parameters, TensorLayout.NCHW, images);
  }

  private static Map<String, float[]> run(
      Engine engine,
      Precision precision,
      TestNetwork test,
      Parameters parameters,
      TensorLayout layout,
      float[] images) {
    PlanRequest request = test.request(layout);
    Map<String, float[]> outputs = new LinkedHashMap<>();
    try (LoadedNetwork network = engine.load(test.network(), parameters, precision);
        InferencePlan plan = network.plan(request)) {
      plan.input().put(0, images);
      plan.run();
      for (String name : request.outputs()) {
        float[] values = new float[plan.output(name).capacity()];
        plan.output(name).get(0, values);
        outputs.put(name, values);
      }
    }
    return outputs;
  }

  /** Where something is computed in float32 in between: a tenth of what int8 itself is off by. */
  public static void assertNear(
      Map<String, float[]> got, Map<String, float[]> expected, Map<String, float[]> exact) {
    expected.forEach(
        (name, values) ->
            assertThat(distance(got.get(name), values))
                .as(name)
                .isLessThanOrEqualTo(0.1 * distance(values, exact.get(name)) + 1e-6));
  }

  private static double distance(float[] a, float[] b) {
    double sum = 0;
    for (int i = 0; i < a.length; i++) {
      sum += (a[i] - b[i]) * (double) (a[i] - b[i]);
    }
    return Math.sqrt(sum);
  }

  private static String difference(Engine engine, Engine reference, TestNetwork test) {
    if (hasFloatsBetween(test.network())) {
      return "";
    }
    Parameters parameters = quantized(engine, test, false);
    return difference(engine, reference, test, parameters)
        + difference(engine, reference, test, shifted(parameters));
  }

  private static String difference(
      Engine engine, Engine reference, TestNetwork test, Parameters parameters) {
    Quantization integers = parameters.quantization();
    Parameters computed =
        engine.wantsReducedWeights() ? parameters.withQuantization(integers.reduced()) : parameters;
    Map<String, float[]> got = run(engine, Precision.INT8, test, parameters, TensorLayout.NCHW);
    Map<String, float[]> expected =
        run(reference, Precision.INT8, test, computed, TensorLayout.NCHW);
    return difference(test, computed, got, expected);
  }

  /**
   * What differs of the outputs. Those with rows and columns must be the same; what comes behind
   * the global average is float32, added in any order.
   */
  public static String difference(
      TestNetwork test,
      Parameters parameters,
      Map<String, float[]> got,
      Map<String, float[]> expected) {
    for (String name : expected.keySet()) {
      boolean flat = test.network().output(name).isFlat();
      float[] a = got.get(name);
      float[] b = expected.get(name);
      double bound = flat ? bound(test, parameters) : 0;
      for (int i = 0; i < b.length; i++) {
        if (!(Math.abs(a[i] - b[i]) <= bound)) {
          return name + "[" + i + "] is " + a[i] + ", not " + b[i] + " within " + bound;
        }
      }
    }
    return "";
  }

  /**
   * Of sums of n products in any order: 2^-24 n times the sum of the magnitudes, here of the mean
   * over pixels and of the linear layer, for both sides.
   */
  private static double bound(TestNetwork test, Parameters parameters) {
    double largest = 0;
    int terms = test.height() * test.width() + 8;
    for (var encoding : parameters.quantization().encodings().values()) {
      largest = Math.max(largest, 255.0 * encoding.scale());
    }
    double weights = 1;
    for (Operation operation : test.network().operations()) {
      if (operation instanceof Operation.Linear linear) {
        int in = linear.input().channels();
        terms += in;
        float[] all = parameters.get(linear.weight()).toArray();
        for (int o = 0; o < linear.output().channels(); o++) {
          double sum = Math.abs(parameters.get(linear.bias()).get(o)) / largest;
          for (int i = 0; i < in; i++) {
            sum += Math.abs(all[o * in + i]);
          }
          weights = Math.max(weights, sum);
        }
      }
    }
    return 2 * 0x1p-24 * terms * weights * largest;
  }
}
