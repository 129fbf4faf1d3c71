package io.resfuse.engine.onednn;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.resfuse.engine.Engine;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.NetworkBuilder;
import io.resfuse.engine.NetworkBuilder.Conv;
import io.resfuse.engine.NetworkBuilder.Norm;
import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.Operation.Window;
import io.resfuse.engine.Optimizer;
import io.resfuse.engine.Parameters;
import io.resfuse.engine.Precision;
import io.resfuse.engine.TestData;
import io.resfuse.engine.TrainingOptions;
import io.resfuse.engine.TrainingPlan;
import io.resfuse.engine.Value;
import io.resfuse.engine.reference.ReferenceEngine;
import io.resfuse.engine.reference.ReferenceTrainingPlan;
import io.resfuse.tensor.HostTensor;
import io.resfuse.tensor.Shape;
import io.resfuse.tensor.TensorLayout;
import java.nio.FloatBuffer;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Sums over many values against float64, in the L2 norm relative to the result: of what is as often
 * positive as negative, and of what has one sign, where a float32 that is large already takes in
 * ever fewer digits. Batch norms' sums in fp32 are held by the contract of all engines.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class LongSumsTest {
  private static final double ALLOWED = 1e-5;

  private static final double EPSILON = 1e-5;

  /** Entries of a gradient that are computed in float64. */
  private static final int SAMPLES = 96;

  private Engine engine;

  @BeforeAll
  void open() {
    engine = new OneDnnProvider().open(EngineOptions.defaults());
  }

  @AfterAll
  void close() {
    engine.close();
  }

  @Test
  void slicesCoverTheBatch() {
    for (int batch : new int[] {1, 7, 64, 223}) {
      for (int pixels : new int[] {1, 49, 12544, 1 << 20}) {
        List<ImageSlices.Slice> slices = ImageSlices.of(batch, pixels);
        int next = 0;
        for (ImageSlices.Slice slice : slices) {
          assertThat(slice.first()).isEqualTo(next);
          assertThat(slice.images() == 1 || (long) slice.images() * pixels <= 1 << 15).isTrue();
          next += slice.images();
        }
        assertThat(next).isEqualTo(batch);
      }
    }
    assertThat(ImageSlices.of(64, 3136)).hasSize(8);
    assertThat(ImageSlices.of(128, 196)).hasSize(1);
  }

  @ParameterizedTest
  @CsvSource({
    "fp32, 16, 16, 3, 1, 1, 61, 112, false",
    "fp32, 16, 16, 3, 1, 1, 61, 112, true",
    "fp32, 12, 12, 3, 1, 1, 61, 112, true",
    "fp32, 3, 64, 7, 2, 1, 30, 224, true",
    "fp32, 64, 64, 1, 1, 1, 64, 56, true",
    "fp32, 64, 64, 3, 2, 32, 64, 56, true",
    "bf16, 16, 16, 3, 1, 1, 61, 112, true",
    "bf16, 3, 64, 7, 2, 1, 30, 224, true"
  })
  void gradientsOfConvolutionsOverManyPixels(
      String precision,
      int in,
      int out,
      int kernel,
      int stride,
      int groups,
      int batch,
      int size,
      boolean biased) {
    assumeCan(Precision.parse(precision));
    Window window = new Window(kernel, stride, kernel / 2, 1);
    NetworkBuilder builder = new NetworkBuilder("sums", in);
    builder.output(
        "out",
        builder.fusedConv(
            builder.input(), new Conv("conv", out, window, groups, biased, null), null, false));
    NetworkSpec network = builder.build();
    for (double offset : new double[] {0, 0.5}) {
      try (TrainingPlan plan = plan(network, Precision.parse(precision), batch, size)) {
        run(plan, offset);
        HostTensor weights = gradient(plan, network, "conv.weight");
        int rows = plan.outputShape("out").dimension(2);
        Errors errors = new Errors();
        for (Sample sample : samples(in, out, kernel, groups)) {
          errors.add(
              weights.get(sample.index(in / groups, kernel)),
              sample.gradient(plan, in, out, window, batch, size, rows));
        }
        errors.areWithin("weights", offset);
        if (biased) {
          biasErrors(plan, network, rows * rows).areWithin("bias", offset);
        }
      }
    }
  }

  private static Errors biasErrors(TrainingPlan plan, NetworkSpec network, int pixels) {
    HostTensor bias = gradient(plan, network, "conv.bias");
    FloatBuffer given = plan.outputGradient("out");
    int out = bias.shape().dimension(0);
    Errors errors = new Errors();
    for (int c = 0; c < out; c++) {
      double sum = 0;
      for (int n = 0; n < plan.options().batch(); n++) {
        for (int p = 0; p < pixels; p++) {
          sum += given.get((n * out + c) * pixels + p);
        }
      }
      errors.add(bias.get(c), sum);
    }
    return errors;
  }

  private record Sample(int out, int in, int row, int column, int firstChannel) {
    int index(int channels, int kernel) {
      return ((out * channels + in) * kernel + row) * kernel + column;
    }

    double gradient(
        TrainingPlan plan, int in, int out, Window window, int batch, int size, int rows) {
      FloatBuffer images = plan.input();
      FloatBuffer given = plan.outputGradient("out");
      return IntStream.range(0, batch)
          .parallel()
          .mapToDouble(
              n -> {
                double sum = 0;
                for (int y = 0; y < rows; y++) {
                  int fromY = y * window.stride() - window.padding() + row;
                  for (int x = 0; x < rows; x++) {
                    int fromX = x * window.stride() - window.padding() + column;
                    if (fromY >= 0 && fromY < size && fromX >= 0 && fromX < size) {
                      int from = ((n * in + firstChannel + this.in) * size + fromY) * size + fromX;
                      int at = ((n * out + this.out) * rows + y) * rows + x;
                      sum += (double) given.get(at) * images.get(from);
                    }
                  }
                }
                return sum;
              })
          .sum();
    }
  }

  private static List<Sample> samples(int in, int out, int kernel, int groups) {
    Random random = new Random(1);
    return IntStream.range(0, SAMPLES)
        .mapToObj(
            i -> {
              int channel = random.nextInt(out);
              return new Sample(
                  channel,
                  random.nextInt(in / groups),
                  random.nextInt(kernel),
                  random.nextInt(kernel),
                  channel / (out / groups) * (in / groups));
            })
        .toList();
  }

  /** A mean over an image, and sums over a large batch. */
  @ParameterizedTest
  @CsvSource({"16, 64, 112", "16, 16384, 4"})
  void poolsAndLinearLayers(int channels, int batch, int size) {
    NetworkBuilder builder = new NetworkBuilder("head", channels);
    Value pooled = builder.globalAveragePool("avgpool", builder.input());
    builder.output("pooled", pooled);
    builder.output("out", builder.linear("fc", pooled, 8));
    NetworkSpec network = builder.build();
    for (double offset : new double[] {0, 0.5}) {
      try (TrainingPlan plan = plan(network, Precision.FP32, batch, size)) {
        run(plan, offset);
        FloatBuffer images = plan.input();
        FloatBuffer means = plan.output("pooled");
        FloatBuffer given = plan.outputGradient("out");
        Errors pools = new Errors();
        for (int i = 0; i < batch * channels; i++) {
          double sum = 0;
          for (int p = 0; p < size * size; p++) {
            sum += images.get(i * size * size + p);
          }
          pools.add(means.get(i), sum / (size * size));
        }
        HostTensor weights = gradient(plan, network, "fc.weight");
        HostTensor bias = gradient(plan, network, "fc.bias");
        Errors linear = new Errors();
        for (int k = 0; k < 8; k++) {
          double sum = 0;
          for (int n = 0; n < batch; n++) {
            sum += given.get(n * 8 + k);
          }
          linear.add(bias.get(k), sum);
          for (int c = 0; c < channels; c++) {
            double product = 0;
            for (int n = 0; n < batch; n++) {
              product += (double) given.get(n * 8 + k) * means.get(n * channels + c);
            }
            linear.add(weights.get(k * channels + c), product);
          }
        }
        pools.areWithin("pool", offset);
        linear.areWithin("linear", offset);
      }
    }
  }

  /** Sums over channels and taps, forward and to the images, against the reference engine. */
  @Test
  void convolutionsOfManyChannels() {
    int channels = 512;
    NetworkBuilder builder = new NetworkBuilder("channels", channels);
    Conv conv = new Conv("conv", channels, new Window(3, 1, 1, 1), 1, false, null);
    builder.output("out", builder.fusedConv(builder.input(), conv, null, false));
    NetworkSpec network = builder.build();
    for (double offset : new double[] {0, 0.5}) {
      Parameters parameters = Parameters.zeros(network);
      FloatBuffer weights = parameters.get("conv.weight").buffer();
      weights.put(TestData.fill("weights", weights.capacity(), offset, 0.5));
      TrainingOptions options = options(network, Precision.FP32, 2, 7).withInputGradient(true);
      try (ReferenceEngine reference = new ReferenceEngine(EngineOptions.defaults());
          ReferenceTrainingPlan truth =
              reference.planTraining(
                  network,
                  parameters,
                  options(network, Precision.FP64, 2, 7).withInputGradient(true));
          TrainingPlan plan = engine.planTraining(network, parameters, options)) {
        run(truth, offset);
        run(plan, offset);
        double[] out = truth.exactOutput("out");
        double[] gradient = truth.exactInputGradient();
        Errors forward = new Errors();
        Errors backward = new Errors();
        for (int i = 0; i < plan.input().capacity(); i++) {
          forward.add(plan.output("out").get(i), out[i]);
          backward.add(plan.inputGradient().get(i), gradient[i]);
        }
        forward.areWithin("result", offset);
        backward.areWithin("gradient of the images", offset);
      }
    }
  }

  /** Statistics are not rounded to bf16, nor are gradients of parameters. */
  @ParameterizedTest
  @CsvSource({"16, 61, 112, true", "12, 61, 112, false", "16, 20, 56, true"})
  void gradientsOfBatchNormsInBf16(int channels, int batch, int size, boolean relu) {
    assumeCan(Precision.BF16);
    NetworkBuilder builder = new NetworkBuilder("norm", channels);
    Conv conv =
        new Conv("conv", channels, new Window(1, 1, 0, 1), 1, false, new Norm("bn", EPSILON, 1));
    builder.output("out", builder.fusedConv(builder.input(), conv, null, relu));
    NetworkSpec network = builder.build();
    Parameters parameters = Parameters.zeros(network);
    for (int c = 0; c < channels; c++) {
      parameters.get("conv.weight").set(c * channels + c, 1);
      parameters.get("bn.weight").set(c, 1);
    }
    for (double offset : new double[] {0, 0.5}) {
      try (TrainingPlan plan = plan(network, Precision.BF16, batch, size)) {
        plan.writeParameters(parameters);
        run(plan, offset);
        FloatBuffer given = plan.outputGradient("out");
        for (int i = 0; i < given.capacity(); i++) {
          // The sum of what follows the images is large: else the mean's last digit decides it.
          given.put(i, rounded(plan, given.get(i) + 0.5 * plan.input().get(i)));
        }
        plan.forward();
        plan.backward(false);
        plan.forward();
        plan.backward(true);
        HostTensor gamma = gradient(plan, network, "bn.weight");
        HostTensor beta = gradient(plan, network, "bn.bias");
        Errors gammaErrors = new Errors();
        Errors betaErrors = new Errors();
        for (int c = 0; c < channels; c++) {
          double[] sums = normSums(plan, c, channels, size * size, relu);
          gammaErrors.add(gamma.get(c), 2 * sums[0]);
          betaErrors.add(beta.get(c), 2 * sums[1]);
        }
        gammaErrors.areWithin("gamma, accumulated", offset);
        betaErrors.areWithin("beta, accumulated", offset);
      }
    }
  }

  /** The gradients of scale and shift of a channel. */
  private static double[] normSums(
      TrainingPlan plan, int channel, int channels, int plane, boolean relu) {
    FloatBuffer images = plan.input();
    FloatBuffer out = plan.output("out");
    FloatBuffer given = plan.outputGradient("out");
    int count = images.capacity() / channels;
    double mean = 0;
    for (int i = 0; i < count; i++) {
      mean += images.get(element(i, channel, channels, plane)) / (double) count;
    }
    double variance = 0;
    for (int i = 0; i < count; i++) {
      variance += Math.pow(images.get(element(i, channel, channels, plane)) - mean, 2) / count;
    }
    double gamma = 0;
    double beta = 0;
    for (int i = 0; i < count; i++) {
      int at = element(i, channel, channels, plane);
      if (!relu || out.get(at) > 0) {
        gamma += given.get(at) * (images.get(at) - mean) / Math.sqrt(variance + EPSILON);
        beta += given.get(at);
      }
    }
    return new double[] {gamma, beta};
  }

  /** Where a pixel of a channel is in NCHW. */
  private static int element(int pixel, int channel, int channels, int plane) {
    return (pixel / plane * channels + channel) * plane + pixel % plane;
  }

  private void assumeCan(Precision precision) {
    Optional<String> reason = engine.whyNot(precision, Engine.Mode.TRAINING);
    assumeTrue(reason.isEmpty(), () -> reason.orElseThrow());
  }

  private TrainingPlan plan(NetworkSpec network, Precision precision, int batch, int size) {
    return engine.planTraining(
        network, Parameters.zeros(network), options(network, precision, batch, size));
  }

  private static TrainingOptions options(
      NetworkSpec network, Precision precision, int batch, int size) {
    return new TrainingOptions(
        batch,
        size,
        size,
        TensorLayout.NCHW,
        precision,
        network.outputs().keySet(),
        Set.of(),
        false,
        Optimizer.Sgd.standard());
  }

  /**
   * Both ways, from images as they are after a ReLU and gradients around an offset: numbers that
   * the plan's precision has, so that nothing but sums is rounded.
   */
  private static void run(TrainingPlan plan, double offset) {
    long seed = TestData.seed("long sums");
    FloatBuffer images = plan.input();
    for (int i = 0; i < images.capacity(); i++) {
      images.put(i, rounded(plan, Math.max(0, 0.3 + TestData.unit(seed, i))));
    }
    FloatBuffer given = plan.outputGradient("out");
    for (int i = 0; i < given.capacity(); i++) {
      given.put(i, rounded(plan, offset + 0.5 * TestData.unit(seed + 1, i)));
    }
    plan.forward();
    plan.backward(false);
  }

  private static float rounded(TrainingPlan plan, double value) {
    int bits = Float.floatToRawIntBits((float) value);
    boolean whole = plan.options().precision() != Precision.BF16;
    return Float.intBitsToFloat(whole ? bits : bits & 0xFFFF0000);
  }

  private static HostTensor gradient(TrainingPlan plan, NetworkSpec network, String name) {
    Shape shape = network.parameters().get(name).shape();
    HostTensor gradient = HostTensor.zeros(shape);
    plan.readGradient(name, gradient);
    return gradient;
  }

  /** L2 of errors over L2 of what is right. */
  private static final class Errors {
    private double difference;
    private double norm;

    void add(double got, double expected) {
      difference += (got - expected) * (got - expected);
      norm += expected * expected;
    }

    void areWithin(String what, double offset) {
      assertThat(Math.sqrt(difference / norm))
          .as("%s, gradients around %s", what, offset)
          .isLessThan(ALLOWED);
    }
  }
}
