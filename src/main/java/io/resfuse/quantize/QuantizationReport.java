package io.resfuse.quantize;

import io.resfuse.engine.Engine;
import io.resfuse.engine.InferencePlan;
import io.resfuse.engine.LoadedNetwork;
import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.Operation;
import io.resfuse.engine.Operation.FusedConv;
import io.resfuse.engine.Parameters;
import io.resfuse.engine.PlanRequest;
import io.resfuse.engine.Precision;
import io.resfuse.engine.QuantizedWeights;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What quantisation has done to a network, on some pictures.
 *
 * @param layers every convolution and linear layer, in the network's order
 * @param pictures how many
 * @param agreement share of the pictures whose most probable class is the same as in float32; NaN
 *     without a head
 */
public record QuantizationReport(List<Layer> layers, int pictures, double agreement) {
  private static final String LOGITS = "logits";

  /**
   * A convolution or linear layer.
   *
   * @param name its name
   * @param precision in which it computes
   * @param weightDecibels the power of its weights over that of what rounding has changed in them;
   *     infinite where nothing was
   * @param decibels the power of its results in float32 over that of their error, which all layers
   *     before have a part in
   */
  public record Layer(String name, Precision precision, double weightDecibels, double decibels) {}

  /**
   * Copies the list.
   *
   * @param layers as in the record
   * @param pictures as in the record
   * @param agreement as in the record
   */
  public QuantizationReport {
    layers = List.copyOf(layers);
  }

  /**
   * The layers by what keeping them may help, those with the worst results first.
   *
   * @return all, ranked
   */
  public List<Layer> ranked() {
    return layers.stream().sorted(Comparator.comparingDouble(Layer::decibels)).toList();
  }

  /**
   * Compares int8 with float32.
   *
   * @param engine runs both; not owned
   * @param workers how many pictures run at a time
   * @param network what runs
   * @param original its weights in float32
   * @param quantized the same with a quantisation
   * @param pictures at least one
   * @return what was found
   */
  public static QuantizationReport of(
      Engine engine,
      int workers,
      NetworkSpec network,
      Parameters original,
      Parameters quantized,
      Pictures pictures) {
    List<Operation> operations =
        network.operations().stream().filter(o -> !o.parameters().isEmpty()).toList();
    Passes passes = new Passes(pictures, workers);
    Set<String> outputs = new LinkedHashSet<>();
    operations.forEach(operation -> outputs.add(operation.output().name()));
    boolean hasHead = network.outputs().containsKey(LOGITS);
    String logits = hasHead ? network.output(LOGITS).name() : "";
    int count = pictures.count();
    double[][] power = new double[operations.size()][count];
    double[][] error = new double[operations.size()][count];
    boolean[] same = new boolean[count];
    PlanRequest request = passes.request(outputs);
    NetworkSpec all = network.withAllOutputs();
    try (LoadedNetwork floats = engine.load(all, original, Precision.FP32);
        LoadedNetwork integers = engine.load(all, quantized, Precision.INT8)) {
      passes.over(
          count,
          () ->
              new Passes.PlanVisitor(pictures, floats, request) {
                private final InferencePlan other = integers.plan(request);

                @Override
                void look(int picture) {
                  other.input().put(0, plan.input(), 0, plan.input().capacity());
                  other.run();
                  for (int i = 0; i < operations.size(); i++) {
                    String name = operations.get(i).output().name();
                    FloatBuffer expected = plan.output(name);
                    FloatBuffer found = other.output(name);
                    power[i][picture] = squares(expected, null);
                    error[i][picture] = squares(expected, found);
                    if (name.equals(logits)) {
                      same[picture] = largest(expected) == largest(found);
                    }
                  }
                }

                @Override
                public void close() {
                  other.close();
                  super.close();
                }
              });
    }
    List<Layer> layers = new ArrayList<>();
    for (int i = 0; i < operations.size(); i++) {
      Operation operation = operations.get(i);
      QuantizedWeights weights =
          quantized.requireQuantization(network).weights().get(operation.name());
      layers.add(
          new Layer(
              operation.name(),
              weights == null ? Precision.FP32 : Precision.INT8,
              weights == null
                  ? Double.POSITIVE_INFINITY
                  : weightDecibels((FusedConv) operation, original, weights),
              decibels(sum(power[i]), sum(error[i]))));
    }
    return new QuantizationReport(layers, count, hasHead ? share(same) : Double.NaN);
  }

  private static double squares(FloatBuffer a, @Nullable FloatBuffer b) {
    double sum = 0;
    for (int i = 0; i < a.capacity(); i++) {
      double difference = a.get(i) - (b == null ? 0 : b.get(i));
      sum += difference * difference;
    }
    return sum;
  }

  private static int largest(FloatBuffer logits) {
    int best = 0;
    for (int i = 1; i < logits.capacity(); i++) {
      best = logits.get(i) > logits.get(best) ? i : best;
    }
    return best;
  }

  private static double weightDecibels(
      FusedConv conv, Parameters original, QuantizedWeights weights) {
    double[] folded = WeightRounding.folded(conv, original);
    int perChannel = folded.length / weights.scales().length;
    double power = 0;
    double error = 0;
    for (int i = 0; i < folded.length; i++) {
      double difference =
          folded[i] - (double) weights.weights()[i] * weights.scales()[i / perChannel];
      power += folded[i] * folded[i];
      error += difference * difference;
    }
    return decibels(power, error);
  }

  private static double decibels(double power, double error) {
    return error == 0 ? Double.POSITIVE_INFINITY : 10 * Math.log10(power / error);
  }

  private static double sum(double[] values) {
    double sum = 0;
    for (double value : values) {
      sum += value;
    }
    return sum;
  }

  private static double share(boolean[] same) {
    int count = 0;
    for (boolean one : same) {
      count += one ? 1 : 0;
    }
    return (double) count / same.length;
  }
}
