package io.resfuse.weights.format;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Reads weights that Hugging Face's libraries have split: an index {@code
 * model.safetensors.index.json} whose {@code weight_map} says in which of the files beside it each
 * tensor is. All tensors of the index must be there.
 */
final class ShardedReader {
  private static final long MAX_INDEX = 64L << 20;

  private ShardedReader() {}

  static boolean isIndex(Path path) {
    Path name = path.getFileName();
    return name != null && name.toString().endsWith(".index.json");
  }

  static TensorFile read(Path path) {
    Map<?, ?> places = places(path);
    Map<String, TensorFile> shards = new LinkedHashMap<>();
    for (Object shard : places.values()) {
      if (!(shard instanceof String name)
          || !name.matches("[^/\\\\:\\x00]+")
          || name.equals("..")
          || name.endsWith(".index.json")) {
        throw WeightsException.of(
            path,
            "its weight_map names the file '" + shard + "', which is not beside it",
            "do not trust this index");
      }
      shards.computeIfAbsent(name, n -> FormatDetector.openFile(path.resolveSibling(n)));
    }
    Map<String, StoredTensor> tensors = new LinkedHashMap<>();
    places.forEach(
        (name, shard) -> {
          StoredTensor tensor = shards.get((String) shard).tensors().get((String) name);
          if (tensor == null) {
            throw WeightsException.corrupt(
                path, "it says that '" + name + "' is in " + shard + ", which has no such tensor");
          }
          tensors.put((String) name, tensor);
        });
    if (shards.isEmpty()) {
      throw WeightsException.corrupt(path, "its weight_map is empty");
    }
    TensorFile first = shards.values().iterator().next();
    return new TensorFile(path, first.format(), first.metadata(), tensors);
  }

  private static Map<?, ?> places(Path path) {
    MappedFile file = MappedFile.open(path);
    if (file.size() > MAX_INDEX) {
      throw WeightsException.of(
          path,
          "it has " + file.size() + " bytes",
          "at most " + MAX_INDEX + " of an index are read");
    }
    ByteBuffer text = file.slice(0, file.size());
    byte[] bytes = new byte[text.remaining()];
    text.get(0, bytes);
    @Nullable Object places;
    try {
      places = Json.parseObject(bytes).get("weight_map");
    } catch (IOException e) {
      throw WeightsException.corrupt(path, "it is not valid JSON (" + Json.reason(e) + ")");
    }
    if (!(places instanceof Map<?, ?> map)) {
      throw WeightsException.of(
          path, "it has no weight_map", "give a model.safetensors.index.json, or a weight file");
    }
    return map;
  }
}
