package io.resfuse.verify;

import io.resfuse.engine.Operation.FusedConv;
import io.resfuse.engine.Operation.Window;
import io.resfuse.engine.Precision;
import java.util.List;
import java.util.Map;

/**
 * What products read of weights that were updated: the nearest numbers of the precision. Where a
 * convolution is nothing but a product, each pixel that is 1 in one channel gives a column of it.
 */
final class StoredWeights {
  private static final Window POINT = new Window(1, 1, 0, 1);

  /** The exponent of the smallest normal half; numbers below are as far apart as those above. */
  private static final int SMALLEST_HALF = -14;

  private StoredWeights() {}

  /** Whether a case is such a convolution, with as many pixels as channels. */
  private static boolean applies(VerifyCase test) {
    return test.network().operations().size() == 1
        && test.network().operations().get(0) instanceof FusedConv conv
        && conv.window().equals(POINT)
        && conv.parameters().size() == 1
        && conv.groups() == 1
        && conv.residual() == null
        && !conv.relu()
        && test.batch() * test.height() * test.width() >= test.imageShape().dimension(1);
  }

  /**
   * The weights as products of a plan that was updated read them, and once more when they have been
   * written back: updates round them, and so does writing. None of other cases.
   */
  static List<double[]> read(VerifyCase test, TrainingPass subject) {
    if (!applies(test)) {
      return List.of();
    }
    double[] updated = columns(test, subject);
    subject.writeBack();
    return List.of(updated, columns(test, subject));
  }

  private static double[] columns(VerifyCase test, TrainingPass subject) {
    int plane = test.height() * test.width();
    int in = test.imageShape().dimension(1);
    int out = test.shapeOf(test.output()).dimension(1);
    float[] images = new float[Math.toIntExact(test.imageShape().elements())];
    for (int c = 0; c < in; c++) {
      images[(c / plane * in + c) * plane + c % plane] = 1;
    }
    double[] got = subject.evaluate(images);
    double[] columns = new double[out * in];
    for (int n = 0; n < out; n++) {
      for (int c = 0; c < in; c++) {
        columns[n * in + c] = got[(c / plane * out + n) * plane + c % plane];
      }
    }
    return columns;
  }

  /**
   * Adds what it finds.
   *
   * @param read what {@link #read} gave
   * @param after the parameters as the engine says they are
   */
  static void check(
      Subject side,
      VerifyCase test,
      List<double[]> read,
      Map<String, double[]> after,
      Comparison comparison) {
    for (double[] columns : read) {
      String weight = test.network().operations().get(0).parameters().get(0).name();
      String name = Names.after(weight, TrainingPass.UPDATES);
      double[] weights = after.get(name);
      comparison.special(
          name, columns, weights, i -> farthest(side.precision(), side.unit(), weights[i]));
    }
  }

  /** How far a number of the precision that is the nearest may be away. */
  private static double farthest(Precision precision, double unit, double x) {
    if (!CutOff.rounds(precision)) {
      return 0;
    }
    int exponent = Math.getExponent(x);
    return Math.scalb(
        unit, precision == Precision.FP16 ? Math.max(exponent, SMALLEST_HALF) : exponent);
  }
}
