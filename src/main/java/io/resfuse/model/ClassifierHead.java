package io.resfuse.model;

import io.resfuse.engine.NetworkBuilder;
import io.resfuse.engine.Value;

/**
 * Global average pooling and a linear layer.
 *
 * @param linear the linear layer's name, {@code fc} in ResNets
 * @param classes columns of the result
 */
public record ClassifierHead(String linear, int classes) {
  /**
   * Appends it to a network, with the outputs {@code pooled} and {@code logits}.
   *
   * @param builder the network
   * @param features (batch, channels, height, width)
   * @return (batch, classes)
   */
  public Value append(NetworkBuilder builder, Value features) {
    Value pooled = builder.globalAveragePool("avgpool", features);
    Value logits = builder.linear(linear, pooled, classes);
    builder.output("pooled", pooled);
    builder.output("logits", logits);
    return logits;
  }
}
