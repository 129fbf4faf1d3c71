package io.resfuse.weights.format;

import io.resfuse.tensor.DataType;
import io.resfuse.tensor.HostTensor;
import io.resfuse.tensor.Shape;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Reads TensorFlow.js layers models: a {@code model.json} whose {@code weightsManifest} lists, per
 * group, tensors and the shard files whose concatenation is their elements, little-endian, in that
 * order. Quantised weights ({@code uint8}, {@code uint16}: {@code value * scale + min}; {@code
 * float16}) are restored.
 */
public final class TensorFlowJsReader {
  /** The name of the file that describes a model. */
  public static final String MODEL = "model.json";

  private static final long MAX_MODEL_JSON = 64L << 20;

  private final Path path;
  private final Function<String, ByteBuffer> opener;
  private final List<ByteBuffer> shards = new ArrayList<>();
  private final Map<String, StoredTensor> tensors = new LinkedHashMap<>();

  private TensorFlowJsReader(Path path, Function<String, ByteBuffer> opener) {
    this.path = path;
    this.opener = opener;
  }

  /**
   * A model and the shards that its tensors lie in.
   *
   * @param file its tensors
   * @param shards in order
   */
  public record Contents(TensorFile file, List<ByteBuffer> shards) {}

  /** From a folder, or the model.json in it. */
  static TensorFile readFolder(Path path, Path folder) {
    return read(
            path,
            name -> {
              MappedFile shard = MappedFile.open(folder.resolve(name));
              return shard.slice(0, shard.size());
            })
        .file();
  }

  /** From an archive that has exactly one model.json. */
  static TensorFile readArchive(TarGz archive) {
    List<String> models =
        archive.files().keySet().stream()
            .filter(name -> name.equals(MODEL) || name.endsWith("/" + MODEL))
            .toList();
    if (models.size() != 1) {
      throw WeightsException.of(
          archive.path(),
          "it has " + (models.isEmpty() ? "no " + MODEL : models.size() + " of them: " + models),
          "give an archive of one TensorFlow.js layers model");
    }
    String model = models.get(0);
    return readArchive(archive, model.substring(0, model.length() - MODEL.length())).file();
  }

  /**
   * Reads a folder in an archive.
   *
   * @param archive unpacked
   * @param folder its name, which ends with a slash or is empty
   * @return the model
   * @throws WeightsException if a file is missing or damaged
   */
  public static Contents readArchive(TarGz archive, String folder) {
    return read(archive.path(), name -> archive.get(folder + name));
  }

  private static Contents read(Path path, Function<String, ByteBuffer> opener) {
    return new TensorFlowJsReader(path, opener).read();
  }

  private Contents read() {
    ByteBuffer text = opener.apply(MODEL);
    if (text.remaining() > MAX_MODEL_JSON) {
      throw WeightsException.of(
          path,
          "its " + MODEL + " has " + text.remaining() + " bytes",
          "at most " + MAX_MODEL_JSON + " are read");
    }
    byte[] bytes = new byte[text.remaining()];
    text.get(0, bytes);
    Map<String, @Nullable Object> model;
    try {
      model = Json.parseObject(bytes);
    } catch (IOException e) {
      throw corrupt("its " + MODEL + " is not valid JSON (" + Json.reason(e) + ")");
    }
    if (!(model.get("weightsManifest") instanceof List<?> groups)) {
      throw WeightsException.of(
          path,
          "its " + MODEL + " has no weightsManifest",
          "give a layers model as tensorflowjs_converter writes it");
    }
    for (Object group : groups) {
      readGroup(group);
    }
    Map<String, String> metadata = new LinkedHashMap<>();
    if (model.get("modelTopology") instanceof Map<?, ?> topology) {
      Object config = topology.get("model_config");
      metadata.putAll(KerasTopology.read(config == null ? topology : config));
    }
    return new Contents(
        new TensorFile(path, WeightFormat.TENSORFLOW_JS, metadata, tensors), List.copyOf(shards));
  }

  private void readGroup(@Nullable Object group) {
    if (!(group instanceof Map<?, ?> map)
        || !(map.get("paths") instanceof List<?> paths)
        || !(map.get("weights") instanceof List<?> weights)) {
      throw corrupt("a group of its weightsManifest needs paths and weights");
    }
    List<ByteBuffer> groupShards = new ArrayList<>();
    for (Object name : paths) {
      groupShards.add(openShard(name));
    }
    Pieces pieces = new Pieces(groupShards);
    long offset = 0;
    for (Object weight : weights) {
      if (!(weight instanceof Map<?, ?> entry) || !(entry.get("name") instanceof String name)) {
        throw corrupt("a weight of its weightsManifest has no name");
      }
      offset += addTensor(name, entry, pieces, offset);
    }
    if (offset != pieces.size()) {
      throw corrupt(
          "its tensors have "
              + offset
              + " bytes, but its "
              + groupShards.size()
              + " shards have "
              + pieces.size());
    }
    shards.addAll(groupShards);
  }

  private ByteBuffer openShard(@Nullable Object name) {
    if (!(name instanceof String file)
        || file.isEmpty()
        || file.startsWith("/")
        || ("/" + file + "/").contains("/../")
        || file.contains("\\")
        || file.indexOf(':') >= 0
        || file.indexOf('\0') >= 0) {
      throw WeightsException.of(
          path,
          "its weightsManifest names the shard '" + name + "', which is not beside its " + MODEL,
          "do not trust this model");
    }
    return opener.apply(file);
  }

  private long addTensor(String name, Map<?, ?> entry, Pieces pieces, long offset) {
    if (!(entry.get("shape") instanceof List<?> list)) {
      throw corrupt("weight '" + name + "' has no shape");
    }
    long[] dimensions = new long[list.size()];
    for (int i = 0; i < dimensions.length; i++) {
      dimensions[i] = list.get(i) instanceof Long size ? size : -1;
    }
    Shape shape = StoredShapes.checked(path, name, dimensions);
    Coding coding = coding(name, entry);
    long bytes = shape.elements() * coding.bytes;
    if (bytes > pieces.size() - offset) {
      throw corrupt(
          "weight '"
              + name
              + "' "
              + shape
              + " needs "
              + bytes
              + " bytes at byte "
              + offset
              + ", but its shards have "
              + pieces.size());
    }
    StoredTensor tensor =
        new StoredTensor(
            name,
            coding.type,
            shape,
            () -> coding.decode(shape, pieces.range(offset, (int) bytes)));
    if (tensors.put(name, tensor) != null) {
      throw corrupt("two weights are named '" + name + "'");
    }
    return bytes;
  }

  private Coding coding(String name, Map<?, ?> entry) {
    Object dtype = entry.get("dtype");
    if (entry.get("quantization") instanceof Map<?, ?> quantization) {
      Object stored = quantization.get("dtype");
      if ("float16".equals(stored)) {
        return new Coding(DataType.FLOAT16, 2, 1, 0);
      }
      if (("uint8".equals(stored) || "uint16".equals(stored))
          && quantization.get("scale") instanceof Number scale
          && quantization.get("min") instanceof Number min) {
        int width = "uint8".equals(stored) ? 1 : 2;
        return new Coding(DataType.FLOAT32, width, scale.doubleValue(), min.doubleValue());
      }
      throw corrupt("weight '" + name + "' is quantised as " + quantization);
    }
    if ("float32".equals(dtype)) {
      return new Coding(DataType.FLOAT32, 4, 1, 0);
    }
    if ("int32".equals(dtype)) {
      return new Coding(DataType.INT32, 4, 1, 0);
    }
    if ("bool".equals(dtype)) {
      return new Coding(DataType.BOOL, 1, 1, 0);
    }
    throw WeightsException.of(
        path, "weight '" + name + "' has the element type " + dtype, "use float32 weights");
  }

  /**
   * How elements are stored.
   *
   * @param type what {@link StoredTensor#type} says
   * @param bytes per element; 1 or 2 of a FLOAT32 are quantised
   */
  private record Coding(DataType type, int bytes, double scale, double min) {
    HostTensor decode(Shape shape, ByteBuffer raw) {
      if (bytes == type.bytes()) {
        return RawElements.dense(shape, type, raw);
      }
      float[] elements = new float[(int) shape.elements()];
      for (int i = 0; i < elements.length; i++) {
        int level = bytes == 1 ? raw.get(i) & 0xff : raw.getShort(2 * i) & 0xffff;
        elements[i] = (float) (level * scale + min);
      }
      return HostTensor.of(shape, elements);
    }
  }

  /** Shards as one run of bytes. */
  private static final class Pieces {
    private final List<ByteBuffer> parts;
    private final long[] starts;

    Pieces(List<ByteBuffer> parts) {
      this.parts = List.copyOf(parts);
      starts = new long[parts.size() + 1];
      for (int i = 0; i < parts.size(); i++) {
        starts[i + 1] = starts[i] + parts.get(i).limit();
      }
    }

    long size() {
      return starts[parts.size()];
    }

    /** A view if the range lies in one shard, else a copy. */
    ByteBuffer range(long offset, int length) {
      int i = 0;
      while (i + 1 < parts.size() && starts[i + 1] <= offset) {
        i++;
      }
      if (parts.isEmpty()) {
        return ByteBuffer.allocate(0);
      }
      if (offset + length <= starts[i + 1]) {
        return parts
            .get(i)
            .slice((int) (offset - starts[i]), length)
            .order(ByteOrder.LITTLE_ENDIAN);
      }
      ByteBuffer copy = ByteBuffer.allocate(length).order(ByteOrder.LITTLE_ENDIAN);
      for (; copy.hasRemaining(); i++) {
        int from = (int) Math.max(0, offset - starts[i]);
        int count = Math.min(copy.remaining(), parts.get(i).limit() - from);
        copy.put(parts.get(i).slice(from, count));
      }
      return copy.flip();
    }
  }

  private WeightsException corrupt(String found) {
    return WeightsException.corrupt(path, found);
  }

  /** Whether a folder has a model. */
  static boolean isModelFolder(Path folder) {
    return Files.isRegularFile(folder.resolve(MODEL));
  }
}
