package io.resfuse.model;

import io.resfuse.engine.NetworkBuilder;
import io.resfuse.engine.Value;

/**
 * Global average pooling and a linear layer named {@code fc}.
 *
 * @param classes columns of the result
 */
public record ClassifierHead(int classes) {
  /**
   * Appends it to a network, with the outputs {@code pooled} and {@code logits}.
   *
   * @param builder the network
   * @param features (batch, channels, height, width)
   * @return (batch, classes)
   */
  public Value append(NetworkBuilder builder, Value features) {
    Value pooled = builder.globalAveragePool("avgpool", features);
    Value logits = builder.linear("fc", pooled, classes);
    builder.output("pooled", pooled);
    builder.output("logits", logits);
    return logits;
  }
}
