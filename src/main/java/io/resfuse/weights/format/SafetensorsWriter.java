package io.resfuse.weights.format;

import io.resfuse.tensor.HostTensor;
import io.resfuse.tensor.Shape;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.channels.WritableByteChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.LongConsumer;
import org.jspecify.annotations.Nullable;

/**
 * Writes safetensors files of float32 and int8 tensors, atomically: the target is replaced by the
 * whole file or stays as it was. The same tensors and metadata always give the same bytes.
 * Stateless and thread-safe.
 */
public final class SafetensorsWriter {
  /**
   * The header is padded with spaces to this, so that mapped tensors begin on cache lines where
   * their sizes allow; the format asks for 8.
   */
  private static final int ALIGNMENT = 64;

  private static final int CHUNK = 1 << 18;

  private SafetensorsWriter() {}

  /**
   * Writes a file.
   *
   * @param target replaced if it exists; its folder must exist
   * @param tensors by name; written in the map's order
   * @param metadata strings for {@code __metadata__}; written in the order of their keys
   * @throws WeightsException if it cannot be written; nothing is left behind then
   */
  public static void write(
      Path target, Map<String, HostTensor> tensors, Map<String, String> metadata) {
    write(target, tensors, metadata, written -> {});
  }

  /**
   * Writes a file, and says how far it is.
   *
   * @param target replaced if it exists; its folder must exist
   * @param tensors by name
   * @param metadata strings for {@code __metadata__}; written in the order of their keys
   * @param bytesWritten told the count so far
   * @throws WeightsException if it cannot be written; nothing is left behind then
   */
  public static void write(
      Path target,
      Map<String, HostTensor> tensors,
      Map<String, String> metadata,
      LongConsumer bytesWritten) {
    write(target, tensors, Map.of(), metadata, bytesWritten);
  }

  /**
   * Writes a file that has int8 tensors, too.
   *
   * @param target replaced if it exists; its folder must exist
   * @param tensors float32, by name
   * @param integers int8, by other names; written behind the others, in the map's order
   * @param metadata strings for {@code __metadata__}; written in the order of their keys
   * @param bytesWritten told the count so far
   * @throws WeightsException if it cannot be written; nothing is left behind then
   */
  public static void write(
      Path target,
      Map<String, HostTensor> tensors,
      Map<String, Int8Tensor> integers,
      Map<String, String> metadata,
      LongConsumer bytesWritten) {
    byte[] header = header(target, tensors, integers, metadata);
    AtomicFile.write(
        target,
        channel -> {
          writeTo(channel, header, tensors.values(), bytesWritten);
          for (Int8Tensor tensor : integers.values()) {
            writeFully(channel, ByteBuffer.wrap(tensor.elements()));
          }
        });
  }

  /** An int8 tensor. */
  public static final class Int8Tensor {
    private final Shape shape;
    private final byte[] elements;

    /**
     * A view of an array.
     *
     * @param shape its dimensions
     * @param elements row-major, not copied
     * @throws IllegalArgumentException if the lengths differ
     */
    public Int8Tensor(Shape shape, byte[] elements) {
      if (shape.elements() != elements.length) {
        throw new IllegalArgumentException(
            "shape " + shape + " needs " + shape.elements() + " elements, got " + elements.length);
      }
      this.shape = shape;
      this.elements = elements;
    }

    /**
     * The dimensions.
     *
     * @return the shape
     */
    public Shape shape() {
      return shape;
    }

    /**
     * The elements.
     *
     * @return row-major, shared
     */
    public byte[] elements() {
      return elements;
    }
  }

  static void writeTo(
      WritableByteChannel channel,
      byte[] header,
      Iterable<HostTensor> tensors,
      LongConsumer bytesWritten)
      throws IOException {
    ByteBuffer bytes = ByteBuffer.allocateDirect(4 * CHUNK).order(ByteOrder.LITTLE_ENDIAN);
    writeFully(
        channel, ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(0, header.length));
    writeFully(channel, ByteBuffer.wrap(header));
    long written = 8L + header.length;
    for (HostTensor tensor : tensors) {
      FloatBuffer elements = tensor.buffer();
      for (int at = 0; at < elements.capacity(); at += CHUNK) {
        int count = Math.min(CHUNK, elements.capacity() - at);
        bytes.clear().limit(4 * count);
        bytes.asFloatBuffer().put(0, elements, at, count);
        writeFully(channel, bytes);
        written += 4L * count;
        bytesWritten.accept(written);
      }
    }
  }

  static void writeFully(WritableByteChannel channel, ByteBuffer bytes) throws IOException {
    while (bytes.hasRemaining()) {
      channel.write(bytes);
    }
  }

  static byte[] header(Path target, Map<String, HostTensor> tensors, Map<String, String> metadata) {
    return header(target, tensors, Map.of(), metadata);
  }

  private static byte[] header(
      Path target,
      Map<String, HostTensor> tensors,
      Map<String, Int8Tensor> integers,
      Map<String, String> metadata) {
    Map<String, @Nullable Object> json = new LinkedHashMap<>();
    if (!metadata.isEmpty()) {
      json.put(SafetensorsReader.METADATA, new TreeMap<>(metadata));
    }
    long offset = 0;
    for (Map.Entry<String, HostTensor> tensor : tensors.entrySet()) {
      offset = put(json, target, tensor.getKey(), "F32", tensor.getValue().shape(), 4, offset);
    }
    for (Map.Entry<String, Int8Tensor> tensor : integers.entrySet()) {
      offset = put(json, target, tensor.getKey(), "I8", tensor.getValue().shape(), 1, offset);
    }
    byte[] text = Json.write(json).getBytes(StandardCharsets.UTF_8);
    int padded = (text.length + 8 + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT - 8;
    if (padded > SafetensorsReader.MAX_HEADER) {
      throw WeightsException.of(
          target,
          "its header would have " + padded + " bytes",
          "the format allows " + SafetensorsReader.MAX_HEADER + ": write less metadata");
    }
    byte[] header = Arrays.copyOf(text, padded);
    Arrays.fill(header, text.length, padded, (byte) ' ');
    return header;
  }

  /** Describes a tensor; returns where the next begins. */
  private static long put(
      Map<String, @Nullable Object> json,
      Path target,
      String name,
      String type,
      Shape shape,
      int elementBytes,
      long offset) {
    if (name.equals(SafetensorsReader.METADATA)) {
      throw WeightsException.of(
          target, "a tensor is named " + SafetensorsReader.METADATA, "rename it");
    }
    long end = offset + elementBytes * shape.elements();
    List<Object> dimensions = new ArrayList<>();
    Arrays.stream(shape.toArray()).forEach(dimensions::add);
    Map<String, Object> entry = new LinkedHashMap<>();
    entry.put("dtype", type);
    entry.put("shape", dimensions);
    entry.put("data_offsets", List.of(offset, end));
    if (json.put(name, entry) != null) {
      throw WeightsException.of(target, "two tensors are named '" + name + "'", "rename one");
    }
    return end;
  }
}
