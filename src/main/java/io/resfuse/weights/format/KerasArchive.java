package io.resfuse.weights.format;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Keras 3's {@code .keras}: a zip archive of the model's topology ({@code config.json}), its
 * weights ({@code model.weights.h5}) and {@code metadata.json}.
 */
final class KerasArchive {
  private static final String CONFIG = "config.json";
  private static final String WEIGHTS = "model.weights.h5";

  /** A ResNet-152 has half a megabyte. */
  private static final int MAX_CONFIG = 32 << 20;

  private KerasArchive() {}

  static boolean isOne(ZipMembers members) {
    return members.names().contains(WEIGHTS);
  }

  static TensorFile read(ZipMembers members) {
    MappedFile weights =
        MappedFile.of(members.path(), members.contents(WEIGHTS, Integer.MAX_VALUE - 8));
    return KerasHdf5Reader.read(weights, config(members));
  }

  private static Map<String, @Nullable Object> config(ZipMembers members) {
    if (!members.names().contains(CONFIG)) {
      throw WeightsException.corrupt(
          members.path(), "it is a model of Keras 3 without config.json");
    }
    ByteBuffer text = members.contents(CONFIG, MAX_CONFIG);
    byte[] utf8 = new byte[text.remaining()];
    text.get(utf8);
    try {
      return Json.parseObject(utf8);
    } catch (IOException e) {
      throw WeightsException.corrupt(
          members.path(), "its config.json is not valid JSON (" + Json.reason(e) + ")");
    }
  }
}
