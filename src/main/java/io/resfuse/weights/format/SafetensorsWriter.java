package io.resfuse.weights.format;

import io.resfuse.tensor.HostTensor;
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
 * Writes safetensors files of float32 tensors, atomically: the target is replaced by the whole file
 * or stays as it was. The same tensors and metadata always give the same bytes. Stateless and
 * thread-safe.
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
    byte[] header = header(target, tensors, metadata);
    AtomicFile.write(target, channel -> writeTo(channel, header, tensors.values(), bytesWritten));
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
    Map<String, @Nullable Object> json = new LinkedHashMap<>();
    if (!metadata.isEmpty()) {
      json.put(SafetensorsReader.METADATA, new TreeMap<>(metadata));
    }
    long offset = 0;
    for (Map.Entry<String, HostTensor> tensor : tensors.entrySet()) {
      if (tensor.getKey().equals(SafetensorsReader.METADATA)) {
        throw WeightsException.of(
            target, "a tensor is named " + SafetensorsReader.METADATA, "rename it");
      }
      long end = offset + 4 * tensor.getValue().shape().elements();
      List<Object> shape = new ArrayList<>();
      Arrays.stream(tensor.getValue().shape().toArray()).forEach(shape::add);
      Map<String, Object> entry = new LinkedHashMap<>();
      entry.put("dtype", "F32");
      entry.put("shape", shape);
      entry.put("data_offsets", List.of(offset, end));
      json.put(tensor.getKey(), entry);
      offset = end;
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
}
