package io.resfuse.bench.report;

import io.resfuse.engine.Engine;
import io.resfuse.engine.Precision;
import java.util.Locale;

/**
 * What is timed.
 *
 * @param network a variant's name
 * @param mode inference, or training: forward, loss, backward and an update by SGD with momentum
 * @param batch images per iteration
 * @param size rows and columns of an image
 * @param precision of activations and products
 */
public record Workload(String network, Engine.Mode mode, int batch, int size, Precision precision) {
  /** The mode as options write it. */
  String modeName() {
    return mode.name().toLowerCase(Locale.ROOT);
  }

  /** For people: {@code resnet50 inference in fp32, 8 of 224x224}. */
  @Override
  public String toString() {
    return "%s %s in %s, %d of %dx%d".formatted(network, modeName(), precision, batch, size, size);
  }
}
