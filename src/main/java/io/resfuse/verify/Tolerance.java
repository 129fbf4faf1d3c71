package io.resfuse.verify;

import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.Operation;
import io.resfuse.engine.ParameterSpec;
import io.resfuse.tensor.Shape;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * How far an engine's results may be from float64, in the L2 norm, derived from its precision.
 *
 * <p>The yardstick is the reference engine with storage rounded to a precision: what that rounding
 * alone does, carried through the whole network. A sum of K terms in float32 errs by about sqrt(K /
 * 2) times as much as rounding its result once (its partial sums grow like a random walk, and each
 * is rounded). So an engine may err by twice
 *
 * <pre>yardstick(precision) + sqrt(K / 2) yardstick(fp32) + u(fp32) |truth|</pre>
 *
 * where K is the longest sum of the network, and the last term is the float32 in which results are
 * handed over. A tensor's yardstick is never taken as less than the network's root mean square,
 * relative to the norms, because that of a few elements may be small by luck.
 */
public final class Tolerance {
  private static final double UNIT = 0x1p-24;

  private final Map<String, double[]> truth;
  private final Map<String, Double> bounds = new LinkedHashMap<>();

  /**
   * Derives the bounds.
   *
   * @param longestSum as {@link #longestSum} gives it
   * @param truth of the reference engine in fp64, by tensor
   * @param stored of the reference engine in the precision
   * @param single of the reference engine in fp32
   * @param handedOver the relative error that the truth itself has: 0, or 2^-24 where it was handed
   *     over in float32, beside which a single rounding to float32 cannot be seen
   */
  public Tolerance(
      double longestSum,
      Map<String, double[]> truth,
      Map<String, double[]> stored,
      Map<String, double[]> single,
      double handedOver) {
    this.truth = truth;
    double sums = Math.sqrt(longestSum / 2);
    double typicalStored = typical(truth, stored);
    double typicalSingle = typical(truth, single);
    truth.forEach(
        (name, exact) -> {
          double norm = norm(exact);
          double ofStored = Math.max(distance(stored.get(name), exact), typicalStored * norm);
          double ofSingle =
              Math.max(
                  distance(single.get(name), exact),
                  Math.max(typicalSingle, handedOver / 2) * norm);
          bounds.put(name, 2 * (ofStored + sums * ofSingle + UNIT * norm));
        });
  }

  /**
   * How far a tensor may be off.
   *
   * @param name of the tensor
   * @return a distance in the L2 norm
   */
  public double bound(String name) {
    return bounds.get(name);
  }

  /**
   * What is out of bounds.
   *
   * @param got all tensors of the truth
   * @return by tensor, a line with the numbers
   * @throws IllegalArgumentException if the tensors are not those of the truth
   */
  public Map<String, String> misses(Map<String, double[]> got) {
    if (!got.keySet().equals(truth.keySet())) {
      throw new IllegalArgumentException("got " + got.keySet() + ", not " + truth.keySet());
    }
    Map<String, String> misses = new LinkedHashMap<>();
    truth.forEach(
        (name, exact) -> {
          double off = distance(got.get(name), exact);
          if (!(off <= bounds.get(name))) {
            misses.put(
                name,
                String.format(
                    "%s: off by %.3e, allowed %.3e, norm %.3e",
                    name, off, bounds.get(name), norm(exact)));
          }
        });
    return misses;
  }

  private static double typical(Map<String, double[]> truth, Map<String, double[]> rounded) {
    double sum = 0;
    int count = 0;
    for (Map.Entry<String, double[]> entry : truth.entrySet()) {
      double norm = norm(entry.getValue());
      double relative =
          norm == 0 ? 0 : distance(rounded.get(entry.getKey()), entry.getValue()) / norm;
      // A gradient that is zero but for rounding (a bias before a batch norm) says nothing.
      if (relative < 1) {
        sum += relative * relative;
        count++;
      }
    }
    return Math.sqrt(sum / Math.max(1, count));
  }

  /**
   * The most terms of any sum in a forward and backward pass.
   *
   * @param network what runs
   * @param batch images
   * @param height rows
   * @param width columns
   * @return at least 1
   */
  public static double longestSum(NetworkSpec network, int batch, int height, int width) {
    List<Shape> shapes = network.shapes(batch, height, width);
    double longest = 1;
    for (Operation operation : network.operations()) {
      Shape out = shapes.get(operation.output().id());
      Shape in = shapes.get(operation.inputs().get(0).id());
      // Statistics, weight gradients and averages run over all pixels of all images.
      longest = Math.max(longest, (double) in.elements() / in.dimension(1));
      longest = Math.max(longest, (double) out.elements() / out.dimension(1));
      for (ParameterSpec parameter : operation.parameters()) {
        if (parameter.shape().rank() > 1) {
          int outputs = parameter.shape().dimension(0);
          int inputs = parameter.shape().dimension(1);
          int taps = (int) (parameter.shape().elements() / outputs / inputs);
          longest = Math.max(longest, (double) Math.max(inputs, outputs) * taps);
        }
      }
    }
    return longest;
  }

  /**
   * The L2 norm of a difference.
   *
   * @param a as many numbers
   * @param b as these
   * @return NaN if anything is NaN
   */
  public static double distance(double[] a, double[] b) {
    if (a.length != b.length) {
      throw new IllegalArgumentException(a.length + " numbers held against " + b.length);
    }
    double sum = 0;
    for (int i = 0; i < a.length; i++) {
      sum += (a[i] - b[i]) * (a[i] - b[i]);
    }
    return Math.sqrt(sum);
  }

  /**
   * The L2 norm.
   *
   * @param a numbers
   * @return NaN if anything is NaN
   */
  public static double norm(double[] a) {
    double sum = 0;
    for (double x : a) {
      sum += x * x;
    }
    return Math.sqrt(sum);
  }
}
