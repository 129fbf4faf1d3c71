package io.resfuse.verify;

import io.resfuse.engine.Encoding;
import io.resfuse.engine.Engine;
import io.resfuse.engine.Operation;
import io.resfuse.engine.Operation.FusedConv;
import io.resfuse.engine.Parameters;
import io.resfuse.engine.Precision;
import io.resfuse.engine.Quantization;
import io.resfuse.quantize.CalibrationMethod;
import io.resfuse.quantize.Pictures;
import io.resfuse.quantize.QuantizationOptions;
import io.resfuse.quantize.Quantizer;
import java.nio.FloatBuffer;
import java.util.LinkedHashMap;
import java.util.Map;

/** Integers of a case's network, calibrated on its first image. Stateless. */
final class Calibrated {
  private Calibrated() {}

  /** Whether there is something to quantise. */
  static boolean applies(VerifyCase test) {
    return test.network().operations().stream().anyMatch(FusedConv.class::isInstance);
  }

  /**
   * Quantises.
   *
   * @param engine runs the network in float32
   * @param reduced whether weights have 7 bits
   * @param test whose network; with a convolution
   * @param floats its parameters
   * @param images of the case, the first first
   */
  static Quantization of(
      Engine engine, boolean reduced, VerifyCase test, Parameters floats, float[] images) {
    return new Quantizer(engine, 1)
        .quantize(
            test.network(),
            floats,
            new FirstImage(test, images),
            QuantizationOptions.DEFAULTS
                .withMethod(CalibrationMethod.MINMAX)
                .withReducedRange(reduced));
  }

  /**
   * The same with the results of all convolutions stored as integers: also of those that no
   * convolution reads, where a network has none behind.
   */
  static Quantization storing(
      Quantization some, Engine engine, VerifyCase test, Parameters floats, float[] images) {
    Map<String, Encoding> encodings = new LinkedHashMap<>(some.encodings());
    Map<String, double[]> values =
        InferencePass.all(new Subject(engine, Precision.FP32), test, floats, images);
    for (Operation operation : test.network().operations()) {
      String name = operation.output().name();
      if (operation instanceof FusedConv conv && !encodings.containsKey(name)) {
        double largest = 0;
        for (double value : values.get(name)) {
          largest = Math.max(largest, Math.abs(value));
        }
        encodings.put(name, Encoding.of(largest > 0 ? largest : 1, !conv.relu()));
      }
    }
    return new Quantization(some.weights(), encodings);
  }

  /** One image to calibrate with. */
  private static final class FirstImage implements Pictures {
    private final VerifyCase test;
    private final float[] images;

    FirstImage(VerifyCase test, float[] images) {
      this.test = test;
      this.images = images;
    }

    @Override
    public int count() {
      return 1;
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
      target.put(0, images, 0, target.capacity());
    }
  }
}
