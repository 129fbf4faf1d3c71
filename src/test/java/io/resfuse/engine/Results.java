package io.resfuse.engine;

import io.resfuse.engine.TestNetworks.TestNetwork;
import io.resfuse.engine.reference.ReferenceInferencePlan;
import io.resfuse.engine.reference.ReferenceTrainingPlan;
import io.resfuse.tensor.HostTensor;
import io.resfuse.tensor.Shape;
import io.resfuse.tensor.TensorLayout;
import java.nio.FloatBuffer;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;

/** Runs plans and collects what they give, by name, as doubles in NCHW order. */
public final class Results {
  private Results() {}

  /** Runs an inference plan; poisons its outputs before. */
  public static Map<String, double[]> inference(
      InferencePlan plan, TestNetwork test, float[] images) {
    PlanRequest request = plan.request();
    put(images, plan.input(), test.imageShape(), request.layout());
    for (String output : request.outputs()) {
      poison(plan.output(output));
    }
    plan.run();
    Map<String, double[]> results = new LinkedHashMap<>();
    for (String output : request.outputs()) {
      results.put(
          output,
          plan instanceof ReferenceInferencePlan exact
              ? exact.exactOutput(output)
              : toNchw(plan.output(output), plan.outputShape(output), request.layout()));
    }
    return results;
  }

  /**
   * Runs forward, the loss and backward. The loss is the smoothed cross-entropy of the first image
   * not labelled, or the sum of the output times constants where there are no logits.
   */
  public static Map<String, double[]> step(
      TrainingPlan plan, TestNetwork test, float[] images, boolean accumulate) {
    TrainingOptions options = plan.options();
    put(images, plan.input(), test.imageShape(), options.layout());
    for (String output : options.outputs()) {
      poison(plan.output(output));
    }
    if (options.inputGradient()) {
      poison(plan.inputGradient());
    }
    plan.forward();
    Map<String, double[]> results = new LinkedHashMap<>();
    if (options.outputs().contains("logits")) {
      results.put("loss", new double[] {plan.softmaxCrossEntropy(labels(test), 0.1)});
    } else {
      FloatBuffer gradient = plan.outputGradient("out");
      float[] constants =
          TestData.fill(test.network().name() + "/constants", gradient.capacity(), 0, 1);
      put(constants, gradient, plan.outputShape("out"), options.layout());
    }
    plan.backward(accumulate);
    results.putAll(outputs(plan));
    results.putAll(gradients(plan, test));
    results.putAll(parameters(plan, test.network()));
    return results;
  }

  /** Labels of a case, of images or pixels; the first has none. */
  public static int[] labels(TestNetwork test) {
    int classes = test.network().output("logits").channels();
    int count = (int) (test.outputShape().elements() / classes);
    int[] labels = TestData.labels(test.network().name() + "/labels", count, classes);
    labels[0] = -1;
    return labels;
  }

  /** The outputs of the last run. */
  public static Map<String, double[]> outputs(TrainingPlan plan) {
    Map<String, double[]> results = new LinkedHashMap<>();
    for (String output : plan.options().outputs()) {
      results.put(
          output,
          plan instanceof ReferenceTrainingPlan exact
              ? exact.exactOutput(output)
              : toNchw(plan.output(output), plan.outputShape(output), plan.options().layout()));
    }
    return results;
  }

  /** The gradients of all parameters that have one, and of the images. */
  public static Map<String, double[]> gradients(TrainingPlan plan, TestNetwork test) {
    Map<String, double[]> results = new LinkedHashMap<>();
    TrainingOptions options = plan.options();
    NetworkSpec part = test.network().restrictedTo(options.outputs());
    for (ParameterSpec parameter : part.parameters().values()) {
      if (parameter.isTrainable() && !options.frozen().contains(parameter.name())) {
        results.put("gradient of " + parameter.name(), gradient(plan, parameter));
      }
    }
    if (options.inputGradient()) {
      results.put("gradient of the images", inputGradient(plan, test.network()));
    }
    return results;
  }

  /** The gradient of the images. */
  public static double[] inputGradient(TrainingPlan plan, NetworkSpec network) {
    TrainingOptions options = plan.options();
    int channels = network.input().channels();
    Shape images = Shape.of(options.batch(), channels, options.height(), options.width());
    return plan instanceof ReferenceTrainingPlan exact
        ? exact.exactInputGradient()
        : toNchw(plan.inputGradient(), images, options.layout());
  }

  /** The gradient of a parameter. */
  public static double[] gradient(TrainingPlan plan, ParameterSpec parameter) {
    if (plan instanceof ReferenceTrainingPlan exact) {
      return exact.exactGradient(parameter.name());
    }
    HostTensor target = HostTensor.zeros(parameter.shape());
    poison(target.buffer());
    plan.readGradient(parameter.name(), target);
    return toDoubles(target.toArray());
  }

  /** All parameters and running statistics. */
  public static Map<String, double[]> parameters(TrainingPlan plan, NetworkSpec network) {
    Map<String, double[]> results = new LinkedHashMap<>();
    Parameters read = Parameters.zeros(network);
    read.asMap().values().forEach(tensor -> poison(tensor.buffer()));
    plan.readParameters(read);
    NetworkSpec part = network.restrictedTo(plan.options().outputs());
    for (String name : part.parameters().keySet()) {
      results.put(name, parameter(plan, read, name));
    }
    return results;
  }

  /** A parameter, from those that a plan gave, or the reference's exact one. */
  public static double[] parameter(TrainingPlan plan, Parameters read, String name) {
    return plan instanceof ReferenceTrainingPlan exact
        ? exact.exactParameter(name)
        : toDoubles(read.get(name).toArray());
  }

  /** Fills a buffer with NaN, so that what a run leaves out shows. */
  public static void poison(FloatBuffer buffer) {
    for (int i = 0; i < buffer.capacity(); i++) {
      buffer.put(i, Float.NaN);
    }
  }

  /** Writes an array in NCHW order to a buffer of any layout. */
  public static void put(float[] source, FloatBuffer target, Shape shape, TensorLayout layout) {
    int plane = plane(shape);
    int channels = shape.dimension(1);
    for (int i = 0; i < source.length; i++) {
      target.put(index(i, channels, plane, layout), source[i]);
    }
  }

  /** Reads a buffer of any layout in NCHW order. */
  public static double[] toNchw(FloatBuffer source, Shape shape, TensorLayout layout) {
    double[] result = new double[source.capacity()];
    int plane = plane(shape);
    int channels = shape.dimension(1);
    for (int i = 0; i < result.length; i++) {
      result[i] = source.get(index(i, channels, plane, layout));
    }
    return result;
  }

  private static int plane(Shape shape) {
    return shape.rank() == 2 ? 1 : shape.dimension(2) * shape.dimension(3);
  }

  private static int index(int nchw, int channels, int plane, TensorLayout layout) {
    if (layout == TensorLayout.NCHW) {
      return nchw;
    }
    int pixel = nchw % plane;
    int channel = nchw / plane % channels;
    int image = nchw / plane / channels;
    return (image * plane + pixel) * channels + channel;
  }

  /** Widens an array. */
  public static double[] toDoubles(float[] floats) {
    double[] doubles = new double[floats.length];
    Arrays.setAll(doubles, i -> floats[i]);
    return doubles;
  }
}
