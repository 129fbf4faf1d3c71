package io.resfuse.quantize;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.resfuse.engine.Encoding;
import io.resfuse.engine.Engine;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.Engines;
import io.resfuse.engine.Operation.FusedConv;
import io.resfuse.engine.Parameters;
import io.resfuse.engine.Precision;
import io.resfuse.engine.Quantization;
import io.resfuse.engine.QuantizedWeights;
import io.resfuse.engine.RandomPictures;
import io.resfuse.engine.TestData;
import io.resfuse.engine.TestNetworks;
import io.resfuse.engine.TestNetworks.TestNetwork;
import io.resfuse.tensor.HostTensor;
import java.nio.FloatBuffer;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Post-training quantisation. */
class QuantizerTest {
  private static final int PICTURES = 8;

  private static Engine engine;
  private static final TestNetwork TEST = named("bottleneck");
  private static final Parameters PARAMETERS = TestData.parameters(TEST.network());

  @BeforeAll
  static void open() {
    engine = Engines.open("reference", new EngineOptions(1, ""));
  }

  @AfterAll
  static void close() {
    engine.close();
  }

  private static TestNetwork named(String name) {
    return TestNetworks.networks().stream()
        .filter(test -> test.network().name().equals(name))
        .findFirst()
        .orElseThrow();
  }

  private static Quantization quantize(int workers, QuantizationOptions options) {
    return new Quantizer(engine, workers).quantize(TEST.network(), PARAMETERS, pictures(), options);
  }

  private static Pictures pictures() {
    return new RandomPictures(TEST.network(), PICTURES, TEST.height(), TEST.width());
  }

  /** The order in which threads finish decides on nothing. */
  @ParameterizedTest
  @EnumSource
  void workersChangeNothing(CalibrationMethod method) {
    QuantizationOptions options = QuantizationOptions.DEFAULTS.withMethod(method);
    Quantization one = quantize(1, options);
    assertThat(quantize(4, options)).isEqualTo(one);
    assertThat(one.encodings()).containsKey("input");
  }

  /** Each weight is the nearest integer to what it stands for, batch norm folded in. */
  @Test
  void weightsAreRoundedToTheNearest() {
    Quantization quantization = quantize(2, QuantizationOptions.DEFAULTS);
    Quantization reduced = quantize(2, QuantizationOptions.DEFAULTS.withReducedRange(true));
    assertThat(reduced.isReduced()).isTrue();
    assertThat(quantization.isReduced()).isFalse();
    int convolutions = 0;
    for (var operation : TEST.network().operations()) {
      if (operation instanceof FusedConv conv) {
        convolutions++;
        checkWeights(conv, quantization.weights().get(conv.name()), 127);
        checkWeights(conv, reduced.weights().get(conv.name()), 64);
      }
    }
    assertThat(quantization.weights()).hasSize(convolutions);
  }

  private static void checkWeights(FusedConv conv, QuantizedWeights weights, int most) {
    float[] original = PARAMETERS.get(conv.weight()).toArray();
    int perChannel = original.length / conv.output().channels();
    var norm = conv.batchNorm();
    for (int c = 0; c < conv.output().channels(); c++) {
      double factor =
          PARAMETERS.get(norm.gamma()).get(c)
              / Math.sqrt(PARAMETERS.get(norm.variance()).get(c) + norm.epsilon());
      double shift =
          PARAMETERS.get(norm.beta()).get(c) - PARAMETERS.get(norm.mean()).get(c) * factor;
      assertThat((double) weights.bias()[c])
          .isCloseTo(shift, org.assertj.core.data.Offset.offset(1e-6 * (1 + Math.abs(shift))));
      int largest = 0;
      for (int i = c * perChannel; i < (c + 1) * perChannel; i++) {
        double real = original[i] * factor;
        double back = (double) weights.weights()[i] * weights.scales()[c];
        assertThat(Math.abs(back - real)).isLessThanOrEqualTo(0.50001 * weights.scales()[c]);
        largest = Math.max(largest, Math.abs(weights.weights()[i]));
      }
      assertThat(largest).isEqualTo(most);
    }
  }

  /** Nothing of the calibration pictures is cut by minmax; what a ReLU ends has no sign. */
  @Test
  void minmaxCoversEverything() {
    Quantization quantization =
        quantize(2, QuantizationOptions.DEFAULTS.withMethod(CalibrationMethod.MINMAX));
    float most = 0;
    for (int i = 0; i < PICTURES; i++) {
      for (float x : new RandomPictures(TEST.network(), 1, TEST.height(), TEST.width()).image(i)) {
        most = Math.max(most, Math.abs(x));
      }
    }
    assertThat(quantization.encodings().get("input")).isEqualTo(Encoding.of(most, true));
    assertThat(quantization.encodings().get("conv1").zeroPoint()).isZero();
    assertThat(quantization.encodings().get("layer1.0.downsample.0").zeroPoint()).isEqualTo(128);
  }

  /**
   * Of sums between 0 and 3, and one far outlier: a share and the distribution cut it off; for the
   * mean of squares it is worth a part of the steps.
   */
  @Test
  void rangesAreCutAtOutliers() {
    FloatBuffer values = FloatBuffer.allocate(100_000);
    for (int i = 0; i < values.capacity(); i++) {
      values.put(i, Math.abs((float) (TestData.unit(3, i) + TestData.unit(4, i) - 1)));
    }
    values.put(77, 8);
    Histogram histogram = new Histogram(8);
    histogram.add(values);
    assertThat(threshold(CalibrationMethod.MINMAX, histogram)).isEqualTo(8);
    assertThat(threshold(CalibrationMethod.PERCENTILE, histogram)).isBetween(2.5, 3.02);
    assertThat(threshold(CalibrationMethod.ENTROPY, histogram)).isBetween(0.5, 3.02);
    assertThat(threshold(CalibrationMethod.MSE, histogram)).isBetween(3.0, 7.9);
  }

  private static double threshold(CalibrationMethod method, Histogram histogram) {
    return Thresholds.of(QuantizationOptions.DEFAULTS.withMethod(method), histogram, 255);
  }

  /** The cut of least squared error, against every cut tried on the elements themselves. */
  @Test
  void leastSquaresAreLeast() {
    float[] values = new float[20_000];
    FloatBuffer buffer = FloatBuffer.wrap(values);
    double most = 0;
    for (int i = 0; i < values.length; i++) {
      // Exponentially distributed, as activations are.
      values[i] = (float) -Math.log(1 - 0.5 * (1 + TestData.unit(9, i)) * 0.99999);
      most = Math.max(most, values[i]);
    }
    Histogram histogram = new Histogram(most);
    histogram.add(buffer);
    double threshold = Thresholds.of(QuantizationOptions.DEFAULTS, histogram, 255);
    double least = Double.POSITIVE_INFINITY;
    for (double cut = 0.1 * most; cut <= most; cut += 0.005 * most) {
      least = Math.min(least, squaredError(values, cut));
    }
    assertThat(squaredError(values, threshold)).isLessThan(1.02 * least);
    assertThat(threshold).isLessThan(most);
  }

  private static double squaredError(float[] values, double cut) {
    Encoding encoding = Encoding.of(cut, false);
    double sum = 0;
    for (float value : values) {
      double off = encoding.decode(encoding.encode(value)) - value;
      sum += off * off;
    }
    return sum;
  }

  @Test
  void keptLayersHaveNoIntegers() {
    Quantization stem =
        quantize(2, QuantizationOptions.DEFAULTS.withKeep(Set.of("stem", "layer2.0")));
    assertThat(stem.weights()).doesNotContainKey("conv1").containsKey("layer1.0.conv1");
    assertThat(stem.weights().keySet()).noneMatch(name -> name.startsWith("layer2.0."));
    assertThat(stem.encodings()).doesNotContainKey("input").containsKey("maxpool");
    assertThatThrownBy(() -> quantize(1, QuantizationOptions.DEFAULTS.withKeep(Set.of("layer9"))))
        .isInstanceOf(QuantizationException.class)
        .hasMessageContaining("'layer9'");
  }

  /** What rounding costs, against what float64 and the reference engine say of a picture. */
  @Test
  void reportsTellTheErrors() {
    Parameters quantized = PARAMETERS.withQuantization(quantize(2, QuantizationOptions.DEFAULTS));
    QuantizationReport report =
        QuantizationReport.of(engine, 2, TEST.network(), PARAMETERS, quantized, pictures());
    assertThat(report.layers()).hasSize(quantized.quantization().weights().size() + 1);
    assertThat(report.agreement()).isBetween(0.0, 1.0);
    assertThat(report.ranked())
        .isSortedAccordingTo(
            java.util.Comparator.comparingDouble(QuantizationReport.Layer::decibels));
    report
        .layers()
        .forEach(
            layer -> {
              boolean head = layer.name().equals("fc");
              assertThat(layer.precision()).isEqualTo(head ? Precision.FP32 : Precision.INT8);
              // 8 bits of a channel's largest: 20 log10(2 127 sqrt 3) less its peak to mean.
              assertThat(layer.weightDecibels())
                  .isBetween(30.0, head ? Double.POSITIVE_INFINITY : 60.0);
              assertThat(layer.decibels()).isGreaterThan(5);
            });
  }

  @Test
  void uselessPicturesAreRefused() {
    Quantizer quantizer = new Quantizer(engine, 2);
    Pictures none = new RandomPictures(TEST.network(), 0, 8, 8);
    assertThatThrownBy(
            () ->
                quantizer.quantize(TEST.network(), PARAMETERS, none, QuantizationOptions.DEFAULTS))
        .isInstanceOf(QuantizationException.class)
        .hasMessageContaining("no pictures");
    Pictures black = new Constant(TEST, -2);
    assertThatThrownBy(
            () ->
                quantizer.quantize(TEST.network(), PARAMETERS, black, QuantizationOptions.DEFAULTS))
        .isInstanceOf(QuantizationException.class)
        .hasMessageContaining("one colour");
  }

  private record Constant(TestNetwork test, float value) implements Pictures {
    @Override
    public int count() {
      return 2;
    }

    @Override
    public int height() {
      return test.height();
    }

    @Override
    public int width() {
      return test.width();
    }

    @Override
    public void write(int index, FloatBuffer target) {
      for (int i = 0; i < target.capacity(); i++) {
        target.put(i, value);
      }
    }
  }

  @Test
  void brokenWeightsAreRefused() {
    Map<String, HostTensor> tensors = new LinkedHashMap<>(PARAMETERS.asMap());
    HostTensor broken = tensors.get("layer1.0.conv1.weight").copy();
    broken.set(3, Float.NaN);
    tensors.put("layer1.0.conv1.weight", broken);
    assertThatThrownBy(
            () ->
                new Quantizer(engine, 1)
                    .quantize(
                        TEST.network(),
                        new Parameters(TEST.network(), tensors),
                        pictures(),
                        QuantizationOptions.DEFAULTS))
        .isInstanceOf(QuantizationException.class)
        .hasMessageContaining("layer1.0.conv1")
        .hasMessageContaining("NaN");
  }

  @Test
  void methodsHaveNames() {
    assertThat(CalibrationMethod.parse("Entropy")).isEqualTo(CalibrationMethod.ENTROPY);
    assertThatThrownBy(() -> CalibrationMethod.parse("kl"))
        .hasMessageContaining("minmax, percentile, entropy and mse");
    assertThatThrownBy(
            () -> new QuantizationOptions(CalibrationMethod.PERCENTILE, 101, true, false, Set.of()))
        .hasMessageContaining("101");
  }
}
