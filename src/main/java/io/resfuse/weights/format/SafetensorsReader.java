package io.resfuse.weights.format;

import io.resfuse.tensor.DataType;
import io.resfuse.tensor.Shape;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Reads safetensors (huggingface.co/docs/safetensors): eight bytes with the header's length, a JSON
 * header {@code {name: {dtype, shape, data_offsets: [begin, end]}}} with an optional {@code
 * __metadata__} of strings, then the elements, little-endian and row-major, without holes or
 * overlaps.
 */
final class SafetensorsReader {
  /** The format's own limit on the header. */
  static final long MAX_HEADER = 100_000_000;

  static final String METADATA = "__metadata__";

  private static final Map<String, DataType> TYPES =
      Map.of(
          "F64", DataType.FLOAT64,
          "F32", DataType.FLOAT32,
          "F16", DataType.FLOAT16,
          "BF16", DataType.BFLOAT16,
          "I64", DataType.INT64,
          "I32", DataType.INT32,
          "I16", DataType.INT16,
          "I8", DataType.INT8,
          "U8", DataType.UINT8,
          "BOOL", DataType.BOOL);

  private final MappedFile file;
  private final long dataStart;
  private final long dataSize;

  private SafetensorsReader(MappedFile file, long headerSize) {
    this.file = file;
    this.dataStart = 8 + headerSize;
    this.dataSize = file.size() - dataStart;
  }

  /** Where one tensor's bytes are, relative to the end of the header. */
  private record Entry(String name, DataType type, Shape shape, long begin, long end) {}

  static TensorFile read(MappedFile file) {
    long headerSize = file.slice(0, 8).getLong(0);
    if (headerSize < 2 || headerSize > file.size() - 8) {
      throw WeightsException.corrupt(
          file.path(),
          "its safetensors header should have "
              + Long.toUnsignedString(headerSize)
              + " bytes, but the file has "
              + file.size());
    }
    if (headerSize > MAX_HEADER) {
      throw WeightsException.of(
          file.path(),
          "its safetensors header has " + headerSize + " bytes",
          "the format allows " + MAX_HEADER);
    }
    return new SafetensorsReader(file, headerSize).parse();
  }

  private TensorFile parse() {
    ByteBuffer bytes = file.slice(8, dataStart - 8);
    byte[] header = new byte[bytes.remaining()];
    bytes.get(header);
    Map<String, @Nullable Object> json;
    try {
      json = Json.parseObject(header);
    } catch (IOException e) {
      throw corrupt("its safetensors header is not valid JSON (" + Json.reason(e) + ")");
    }
    Map<String, String> metadata = metadata(json.remove(METADATA));
    List<Entry> entries = new ArrayList<>();
    json.forEach((name, value) -> entries.add(entry(name, value)));
    entries.sort(Comparator.comparingLong(Entry::begin).thenComparingLong(Entry::end));
    checkContiguous(entries);
    Map<String, StoredTensor> tensors = new LinkedHashMap<>();
    for (Entry e : entries) {
      long at = dataStart + e.begin;
      long length = e.end - e.begin;
      tensors.put(
          e.name,
          new StoredTensor(
              e.name,
              e.type,
              e.shape,
              () -> RawElements.dense(e.shape, e.type, file.slice(at, length))));
    }
    return new TensorFile(file.path(), WeightFormat.SAFETENSORS, metadata, tensors);
  }

  private Map<String, String> metadata(@Nullable Object value) {
    Map<String, String> metadata = new LinkedHashMap<>();
    if (value == null) {
      return metadata;
    }
    if (!(value instanceof Map<?, ?> map)) {
      throw corrupt("its " + METADATA + " is not a JSON object");
    }
    map.forEach(
        (key, text) -> {
          if (!(text instanceof String string)) {
            throw corrupt("its metadata '" + key + "' is not a string");
          }
          metadata.put((String) key, string);
        });
    return metadata;
  }

  private Entry entry(String name, @Nullable Object value) {
    if (!(value instanceof Map<?, ?> map)
        || !map.keySet().equals(Set.of("dtype", "shape", "data_offsets"))) {
      throw corrupt("tensor '" + name + "' needs exactly dtype, shape and data_offsets");
    }
    Object dtype = map.get("dtype");
    DataType type = dtype instanceof String key ? TYPES.get(key) : null;
    if (type == null) {
      throw WeightsException.of(
          file.path(),
          "tensor '" + name + "' has the element type " + dtype,
          "convert it to F32, F16 or BF16");
    }
    long[] dimensions = integers(name, "shape", map.get("shape"));
    long[] offsets = integers(name, "data_offsets", map.get("data_offsets"));
    if (offsets.length != 2 || offsets[0] > offsets[1] || offsets[1] > dataSize) {
      throw corrupt(
          "tensor '"
              + name
              + "' has data_offsets "
              + map.get("data_offsets")
              + ", but "
              + dataSize
              + " bytes follow the header");
    }
    Shape shape = StoredShapes.checked(file.path(), name, dimensions);
    if (shape.elements() * type.bytes() != offsets[1] - offsets[0]) {
      throw corrupt(
          "tensor '"
              + name
              + "' of "
              + dtype
              + " "
              + shape
              + " needs "
              + shape.elements() * type.bytes()
              + " bytes, its data_offsets "
              + map.get("data_offsets")
              + " give "
              + (offsets[1] - offsets[0]));
    }
    return new Entry(name, type, shape, offsets[0], offsets[1]);
  }

  private long[] integers(String name, String field, @Nullable Object value) {
    if (value instanceof List<?> list) {
      long[] numbers = new long[list.size()];
      for (int i = 0; i < numbers.length; i++) {
        if (!(list.get(i) instanceof Long number) || number < 0) {
          throw corrupt("tensor '" + name + "' has " + list.get(i) + " in its " + field);
        }
        numbers[i] = number;
      }
      return numbers;
    }
    throw corrupt("tensor '" + name + "' has no list as its " + field);
  }

  private void checkContiguous(List<Entry> entries) {
    long end = 0;
    String previous = "the header";
    for (Entry entry : entries) {
      if (entry.begin != end) {
        throw corrupt(
            "tensor '"
                + entry.name
                + "' "
                + (entry.begin < end ? "overlaps " : "leaves a hole after ")
                + (previous.startsWith("the ") ? previous : "'" + previous + "'"));
      }
      end = entry.end;
      previous = entry.name;
    }
    if (end != dataSize) {
      throw corrupt(
          "its tensors have " + end + " bytes, but " + dataSize + " bytes follow the header");
    }
  }

  private WeightsException corrupt(String found) {
    return WeightsException.corrupt(file.path(), found);
  }
}
