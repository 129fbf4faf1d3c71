package io.resfuse.engine;

import static org.assertj.core.api.Assertions.assertThat;

import io.resfuse.engine.NetworkBuilder.Conv;
import io.resfuse.engine.NetworkBuilder.Norm;
import io.resfuse.engine.Operation.Window;
import io.resfuse.tensor.HostTensor;
import io.resfuse.tensor.Shape;
import io.resfuse.tensor.TensorLayout;
import io.resfuse.verify.Tolerance;
import java.nio.FloatBuffer;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;

/**
 * A batch norm's sums over many pixels, against float64: mean, variance, the gradients of scale and
 * shift, and what follows from them. A convolution by the unit matrix hands the images to the norm
 * as they are; their mean is three deviations.
 */
public final class NormSums {
  /** Of the sums, relative to float64, in the L2 norm over channels. */
  private static final double ALLOWED = 1e-6;

  private final int channels;
  private final int batch;
  private final int height;
  private final int width;
  private final boolean relu;
  private final long pixels;
  private final double[] mean;
  private final double[] variance;
  private final double[] gammaGradient;
  private final double[] betaGradient;

  private NormSums(int channels, int batch, int height, int width, boolean relu) {
    this.channels = channels;
    this.batch = batch;
    this.height = height;
    this.width = width;
    this.relu = relu;
    this.pixels = (long) batch * height * width;
    this.mean = new double[channels];
    this.variance = new double[channels];
    this.gammaGradient = new double[channels];
    this.betaGradient = new double[channels];
  }

  /**
   * Holds an engine in fp32 to float64, without ReLU and with it.
   *
   * @param engine that can train in fp32
   * @param channels of the images
   * @param batch images
   * @param height of the images
   * @param width of the images
   */
  public static void check(Engine engine, int channels, int batch, int height, int width) {
    for (boolean relu : new boolean[] {false, true}) {
      new NormSums(channels, batch, height, width, relu).check(engine);
    }
  }

  private NetworkSpec network() {
    NetworkBuilder builder = new NetworkBuilder("normSums", channels);
    Conv conv =
        new Conv("conv", channels, new Window(1, 1, 0, 1), 1, false, new Norm("bn", 1e-5, 1));
    builder.output("out", builder.fusedConv(builder.input(), conv, null, relu));
    return builder.build();
  }

  private Parameters parameters(NetworkSpec network) {
    Map<String, HostTensor> tensors = new LinkedHashMap<>(TestData.parameters(network).asMap());
    float[] unit = new float[channels * channels];
    for (int c = 0; c < channels; c++) {
      unit[c * channels + c] = 1;
    }
    tensors.put("conv.weight", HostTensor.of(Shape.of(channels, channels, 1, 1), unit));
    return new Parameters(network, tensors);
  }

  /** What is done with an element of an NCHW tensor. */
  private interface Visitor {
    void visit(int element, int channel);
  }

  private void forEach(Visitor visitor) {
    int plane = height * width;
    for (int p = 0; p < batch * channels; p++) {
      for (int i = p * plane; i < (p + 1) * plane; i++) {
        visitor.visit(i, p % channels);
      }
    }
  }

  private void check(Engine engine) {
    NetworkSpec network = network();
    Parameters parameters = parameters(network);
    TrainingOptions options =
        new TrainingOptions(
            batch,
            height,
            width,
            TensorLayout.NCHW,
            Precision.FP32,
            Set.of("out"),
            Set.of(),
            true,
            Optimizer.Sgd.standard());
    int length = Math.toIntExact(pixels * channels);
    float[] images = TestData.fill("normSums", length, 3 * Math.sqrt(1 / 3.0), 1);
    try (TrainingPlan plan = engine.planTraining(network, parameters, options)) {
      TestData.put(images, plan.input());
      plan.forward();
      findStatistics(images);
      double[] gamma = doubles(parameters, "bn.weight");
      double[] beta = doubles(parameters, "bn.bias");
      FloatBuffer upstream = plan.outputGradient("out");
      FloatBuffer out = plan.output("out");
      Relative result = new Relative();
      forEach(
          (i, c) -> {
            double normalised = normalised(images[i], c);
            double exact = gamma[c] * normalised + beta[c];
            double expected = relu ? Math.max(0, exact) : exact;
            result.add(out.get(i) - expected, expected);
            float dz = (float) (0.3 + 0.5 * normalised + 0.1 * (i % 7));
            upstream.put(i, dz);
            // A value whose sign is in its last digits may pass the ReLU or not.
            if (!relu || out.get(i) > 0) {
              gammaGradient[c] += dz * normalised;
              betaGradient[c] += dz;
            }
          });
      result.isWithin("the result", ALLOWED);
      plan.backward(false);
      hold(plan, "the gradient of gamma", "bn.weight", gammaGradient);
      hold(plan, "the gradient of beta", "bn.bias", betaGradient);
      Relative dx = new Relative();
      FloatBuffer gradient = plan.inputGradient();
      forEach(
          (i, c) -> {
            double dz = !relu || out.get(i) > 0 ? upstream.get(i) : 0;
            double factor = gamma[c] / Math.sqrt(variance[c] + 1e-5);
            double sums = betaGradient[c] + normalised(images[i], c) * gammaGradient[c];
            // Most of dz may cancel: the error is relative to what it is made of.
            dx.add(gradient.get(i) - factor * (dz - sums / pixels), factor * dz);
          });
      dx.isWithin("the gradient of the images", ALLOWED);
      plan.forward();
      plan.backward(true);
      for (double[] sums : new double[][] {gammaGradient, betaGradient}) {
        for (int c = 0; c < channels; c++) {
          sums[c] *= 2;
        }
      }
      hold(plan, "the gradient of gamma, accumulated", "bn.weight", gammaGradient);
      hold(plan, "the gradient of beta, accumulated", "bn.bias", betaGradient);
      Parameters after = Parameters.zeros(network);
      plan.readParameters(after);
      hold("mean", doubles(after, "bn.running_mean"), mean);
      double[] unbiased = variance.clone();
      for (int c = 0; c < channels; c++) {
        unbiased[c] *= (double) pixels / (pixels - 1);
      }
      hold("variance", doubles(after, "bn.running_var"), unbiased);
    }
  }

  private double normalised(double value, int channel) {
    return (value - mean[channel]) / Math.sqrt(variance[channel] + 1e-5);
  }

  private void findStatistics(float[] images) {
    forEach((i, c) -> mean[c] += images[i]);
    for (int c = 0; c < channels; c++) {
      mean[c] /= pixels;
    }
    forEach((i, c) -> variance[c] += (images[i] - mean[c]) * (images[i] - mean[c]));
    for (int c = 0; c < channels; c++) {
      variance[c] /= pixels;
    }
  }

  private static void hold(TrainingPlan plan, String what, String parameter, double[] expected) {
    HostTensor gradient = HostTensor.zeros(Shape.of(expected.length));
    plan.readGradient(parameter, gradient);
    hold(what, doubles(gradient), expected);
  }

  private static void hold(String what, double[] got, double[] expected) {
    assertThat(Tolerance.distance(got, expected) / Tolerance.norm(expected))
        .as(what)
        .isLessThan(ALLOWED);
  }

  private static double[] doubles(Parameters parameters, String name) {
    return doubles(parameters.get(name));
  }

  private static double[] doubles(HostTensor tensor) {
    float[] values = tensor.toArray();
    double[] doubles = new double[values.length];
    for (int i = 0; i < values.length; i++) {
      doubles[i] = values[i];
    }
    return doubles;
  }

  /** L2 of errors over L2 of what they are relative to. */
  private static final class Relative {
    private double difference;
    private double norm;

    void add(double error, double scale) {
      difference += error * error;
      norm += scale * scale;
    }

    void isWithin(String what, double allowed) {
      assertThat(Math.sqrt(difference / norm)).as(what).isLessThan(allowed);
    }
  }
}
