package io.resfuse.quantize;

import io.resfuse.engine.Encoding;
import io.resfuse.engine.Operation.BatchNorm;
import io.resfuse.engine.Operation.FusedConv;
import io.resfuse.engine.Parameters;
import io.resfuse.engine.QuantizedWeights;
import io.resfuse.tensor.HostTensor;

/**
 * Weights as integers: batch norm folded in, in float64, then divided by a scale at which the
 * largest magnitude of the channel is the largest integer, and rounded to the nearest.
 */
final class WeightRounding {
  private WeightRounding() {}

  static QuantizedWeights of(FusedConv conv, Parameters parameters, QuantizationOptions options) {
    double[] folded = folded(conv, parameters);
    int channels = conv.output().channels();
    int perChannel = folded.length / channels;
    int largest =
        options.reducedRange() ? QuantizedWeights.LARGEST_REDUCED : QuantizedWeights.LARGEST;
    double all = options.perChannel() ? 0 : magnitude(folded, 0, folded.length);
    float[] scales = new float[channels];
    float[] bias = bias(conv, parameters);
    byte[] weights = new byte[folded.length];
    for (int c = 0; c < channels; c++) {
      int begin = c * perChannel;
      double most = options.perChannel() ? magnitude(folded, begin, begin + perChannel) : all;
      // A channel of zeros, or of next to nothing, may have any scale.
      scales[c] = most / largest < 0x1p-100 ? 1 : (float) (most / largest);
      long sum = 0;
      for (int i = begin; i < begin + perChannel; i++) {
        double rounded = Math.rint(folded[i] / scales[c]);
        weights[i] = (byte) Math.max(-largest, Math.min(largest, rounded));
        sum += Math.abs(weights[i]);
      }
      if (sum * Encoding.LARGEST > Integer.MAX_VALUE) {
        throw new QuantizationException(
            conv.name()
                + " adds so many products that 32 bits may not hold them; keep it: --keep "
                + conv.name());
      }
    }
    return new QuantizedWeights(weights, scales, bias);
  }

  private static double magnitude(double[] values, int from, int to) {
    double most = 0;
    for (int i = from; i < to; i++) {
      most = Math.max(most, Math.abs(values[i]));
    }
    return most;
  }

  /** The weights with batch norm folded in. */
  static double[] folded(FusedConv conv, Parameters parameters) {
    HostTensor weight = parameters.get(conv.weight());
    int channels = conv.output().channels();
    int perChannel = weight.buffer().capacity() / channels;
    double[] folded = new double[weight.buffer().capacity()];
    for (int c = 0; c < channels; c++) {
      double factor = factor(conv, parameters, c);
      for (int i = c * perChannel; i < (c + 1) * perChannel; i++) {
        folded[i] = finite(conv, weight.get(i) * factor);
      }
    }
    return folded;
  }

  private static float[] bias(FusedConv conv, Parameters parameters) {
    float[] bias = new float[conv.output().channels()];
    BatchNorm norm = conv.batchNorm();
    for (int c = 0; c < bias.length; c++) {
      double own = conv.bias() == null ? 0 : parameters.get(conv.bias()).get(c);
      double folded =
          norm == null
              ? own
              : parameters.get(norm.beta()).get(c)
                  + (own - parameters.get(norm.mean()).get(c)) * factor(conv, parameters, c);
      bias[c] = (float) finite(conv, folded);
    }
    return bias;
  }

  private static double factor(FusedConv conv, Parameters parameters, int channel) {
    BatchNorm norm = conv.batchNorm();
    return norm == null
        ? 1
        : parameters.get(norm.gamma()).get(channel)
            / Math.sqrt(parameters.get(norm.variance()).get(channel) + norm.epsilon());
  }

  private static double finite(FusedConv conv, double value) {
    if (!Float.isFinite((float) value)) {
      throw new QuantizationException(
          "the weights of "
              + conv.name()
              + ", batch norm folded in, have "
              + value
              + " among them; all must be finite, use an earlier checkpoint");
    }
    return value;
  }
}
