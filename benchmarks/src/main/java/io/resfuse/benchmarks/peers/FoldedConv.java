package io.resfuse.benchmarks.peers;

import io.resfuse.engine.Operation.BatchNorm;
import io.resfuse.engine.Operation.FusedConv;
import io.resfuse.engine.Parameters;

/**
 * A convolution with its batch norm folded into weight and bias, for peers that are told to infer.
 */
record FoldedConv(float[] weight, float[] bias) {
  static FoldedConv of(FusedConv conv, Parameters parameters) {
    float[] weight = parameters.get(conv.weight()).toArray();
    int channels = conv.output().channels();
    float[] bias =
        conv.bias() == null ? new float[channels] : parameters.get(conv.bias()).toArray();
    BatchNorm bn = conv.batchNorm();
    if (bn != null) {
      int perChannel = weight.length / channels;
      for (int c = 0; c < channels; c++) {
        double variance = parameters.get(bn.variance()).get(c);
        double scale = parameters.get(bn.gamma()).get(c) / Math.sqrt(variance + bn.epsilon());
        double mean = parameters.get(bn.mean()).get(c);
        bias[c] = (float) (parameters.get(bn.beta()).get(c) + (bias[c] - mean) * scale);
        for (int i = c * perChannel; i < (c + 1) * perChannel; i++) {
          weight[i] = (float) (weight[i] * scale);
        }
      }
    }
    return new FoldedConv(weight, bias);
  }
}
