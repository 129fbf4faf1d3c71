package io.resfuse.weights.format;

import io.resfuse.tensor.HostTensor;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * Writes ONNX files of opset 17 and IR version 8, atomically. The same graph and metadata always
 * give the same bytes. A file that would have 2 GB or more, which protocol buffers do not allow,
 * has its weights in a second one, NAME.data. Stateless and thread-safe.
 */
public final class OnnxWriter {
  /** The version of ONNX's operators. */
  public static final int OPSET = 17;

  private static final int IR_VERSION = 8;

  /** What the graph itself may take stays within the 2 GiB then. */
  private static final long LARGEST_FILE = 2_000_000_000L;

  /** Of tensors in the second file: any system can map them there. */
  private static final long ALIGNMENT = 1 << 16;

  private static final int FLOAT = 1;
  private static final int UINT8 = 2;
  private static final int INT8 = 3;
  private static final int INT32 = 6;
  private static final int INT64 = 7;
  private static final int CHUNK = 1 << 18;

  private OnnxWriter() {}

  /**
   * Writes a file, or two.
   *
   * @param target replaced if it exists; its folder must exist
   * @param graph nodes and weights
   * @param metadata strings for {@code metadata_props}; written in the order of their keys
   * @throws WeightsException if it cannot be written
   */
  public static void write(Path target, OnnxGraph graph, Map<String, String> metadata) {
    write(target, graph, metadata, new Format(IR_VERSION, OPSET, LARGEST_FILE));
  }

  /**
   * What else could be written.
   *
   * @param irVersion of the format
   * @param opset version of ONNX's operators
   * @param largestFile bytes of weights above which they are in a second file
   */
  record Format(long irVersion, long opset, long largestFile) {}

  static void write(Path target, OnnxGraph graph, Map<String, String> metadata, Format format) {
    long weights = graph.weights().values().stream().mapToLong(OnnxWriter::bytes).sum();
    if (weights <= format.largestFile) {
      List<Object> pieces = pieces(graph, metadata, format, null);
      AtomicFile.write(target, channel -> writePieces(channel, pieces));
      return;
    }
    Path data = target.resolveSibling(target.getFileName() + ".data");
    AtomicFile.write(data, channel -> writeData(channel, graph));
    List<Object> pieces = pieces(graph, metadata, format, data.getFileName().toString());
    try {
      AtomicFile.write(target, channel -> writePieces(channel, pieces));
    } catch (WeightsException e) {
      deleteQuietly(data);
      throw e;
    }
  }

  private static void deleteQuietly(Path data) {
    try {
      Files.deleteIfExists(data);
    } catch (IOException e) {
      // What went wrong before is what matters.
    }
  }

  private static long bytes(HostTensor tensor) {
    return 4 * tensor.shape().elements();
  }

  private static long aligned(long offset) {
    return (offset + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  }

  /** The file as byte arrays and, where weights are in it, tensors. */
  private static List<Object> pieces(
      OnnxGraph graph, Map<String, String> metadata, Format format, @Nullable String data) {
    List<Object> inner = graphPieces(graph, data);
    long length = 0;
    for (Object piece : inner) {
      length += piece instanceof HostTensor tensor ? bytes(tensor) : ((byte[]) piece).length;
    }
    List<Object> pieces = new ArrayList<>();
    pieces.add(
        new ProtoWriter()
            .varint(1, format.irVersion)
            .string(2, "resfuse")
            .lengthOf(7, length)
            .toBytes());
    pieces.addAll(inner);
    ProtoWriter end = new ProtoWriter();
    end.message(8, opset -> opset.string(1, "").varint(2, format.opset));
    new TreeMap<>(metadata)
        .forEach((key, text) -> end.message(14, entry -> entry.string(1, key).string(2, text)));
    pieces.add(end.toBytes());
    return pieces;
  }

  private static List<Object> graphPieces(OnnxGraph graph, @Nullable String data) {
    ProtoWriter begin = new ProtoWriter();
    graph.nodes().forEach(node -> begin.message(1, message -> node(message, node)));
    begin.string(2, graph.name());
    List<Object> pieces = new ArrayList<>();
    pieces.add(begin.toBytes());
    long offset = 0;
    for (Map.Entry<String, HostTensor> weight : graph.weights().entrySet()) {
      HostTensor tensor = weight.getValue();
      ProtoWriter head = new ProtoWriter();
      for (int dimension : tensor.shape().toArray()) {
        head.varint(1, dimension);
      }
      head.varint(2, FLOAT).string(8, weight.getKey());
      if (data == null) {
        byte[] fields = head.lengthOf(9, bytes(tensor)).toBytes();
        pieces.add(new ProtoWriter().lengthOf(5, fields.length + bytes(tensor)).toBytes());
        pieces.add(fields);
        pieces.add(tensor);
      } else {
        entry(head, "location", data);
        entry(head, "offset", String.valueOf(offset));
        entry(head, "length", String.valueOf(bytes(tensor)));
        pieces.add(new ProtoWriter().bytes(5, head.varint(14, 1).toBytes()).toBytes());
        offset = aligned(offset + bytes(tensor));
      }
    }
    ProtoWriter end = new ProtoWriter();
    graph.quantized().forEach((name, tensor) -> end.message(5, m -> integers(m, name, tensor)));
    graph.integers().forEach((name, values) -> end.message(5, m -> integers(m, name, values)));
    graph.inputs().forEach(value -> end.message(11, message -> value(message, value)));
    graph.outputs().forEach(value -> end.message(12, message -> value(message, value)));
    pieces.add(end.toBytes());
    return pieces;
  }

  private static void entry(ProtoWriter tensor, String key, String text) {
    tensor.message(13, entry -> entry.string(1, key).string(2, text));
  }

  private static void integers(ProtoWriter message, String name, long[] values) {
    ByteBuffer raw = ByteBuffer.allocate(8 * values.length).order(ByteOrder.LITTLE_ENDIAN);
    for (long value : values) {
      raw.putLong(value);
    }
    message.varint(1, values.length).varint(2, INT64).string(8, name).bytes(9, raw.array());
  }

  private static void integers(ProtoWriter message, String name, IntegerTensor tensor) {
    for (int dimension : tensor.shape().toArray()) {
      message.varint(1, dimension);
    }
    long type =
        switch (tensor.type()) {
          case UINT8 -> UINT8;
          case INT8 -> INT8;
          default -> INT32;
        };
    message.varint(2, type).string(8, name).bytes(9, tensor.bytes());
  }

  private static void value(ProtoWriter message, OnnxValue value) {
    message.string(1, value.name());
    message.message(
        2,
        type ->
            type.message(
                1,
                tensor -> {
                  tensor.varint(1, FLOAT);
                  tensor.message(2, shape -> shape(shape, value));
                }));
  }

  private static void shape(ProtoWriter message, OnnxValue value) {
    for (Object size : value.dimensions()) {
      message.message(
          1,
          dimension -> {
            if (size instanceof Long number) {
              dimension.varint(1, number);
            } else if (!size.equals("")) {
              dimension.string(2, (String) size);
            }
          });
    }
  }

  private static void node(ProtoWriter message, OnnxNode node) {
    node.inputs().forEach(input -> message.string(1, input));
    node.outputs().forEach(output -> message.string(2, output));
    message.string(3, node.name()).string(4, node.op());
    node.attributes()
        .forEach((name, value) -> message.message(5, field -> attribute(field, name, value)));
    if (!node.domain().isEmpty()) {
      message.string(7, node.domain());
    }
  }

  private static void attribute(ProtoWriter message, String name, Object value) {
    message.string(1, name);
    if (value instanceof Float number) {
      message.fixed32(2, number).varint(20, 1);
    } else if (value instanceof Long number) {
      message.varint(3, number).varint(20, 2);
    } else if (value instanceof String text) {
      message.string(4, text).varint(20, 3);
    } else if (value instanceof long[] numbers) {
      for (long number : numbers) {
        message.varint(8, number);
      }
      message.varint(20, 7);
    } else {
      throw new IllegalArgumentException("attribute " + name + " cannot be written: " + value);
    }
  }

  private static void writePieces(WritableByteChannel channel, List<Object> pieces)
      throws IOException {
    for (Object piece : pieces) {
      if (piece instanceof HostTensor tensor) {
        writeTensor(channel, tensor);
      } else {
        SafetensorsWriter.writeFully(channel, ByteBuffer.wrap((byte[]) piece));
      }
    }
  }

  private static void writeData(WritableByteChannel channel, OnnxGraph graph) throws IOException {
    long padding = 0;
    for (HostTensor tensor : graph.weights().values()) {
      SafetensorsWriter.writeFully(channel, ByteBuffer.allocate((int) padding));
      writeTensor(channel, tensor);
      padding = aligned(bytes(tensor)) - bytes(tensor);
    }
  }

  private static void writeTensor(WritableByteChannel channel, HostTensor tensor)
      throws IOException {
    FloatBuffer elements = tensor.buffer();
    int chunk = Math.min(CHUNK, elements.capacity());
    ByteBuffer bytes = ByteBuffer.allocate(4 * chunk).order(ByteOrder.LITTLE_ENDIAN);
    for (int at = 0; at < elements.capacity(); at += chunk) {
      int count = Math.min(chunk, elements.capacity() - at);
      bytes.clear().limit(4 * count);
      bytes.asFloatBuffer().put(0, elements, at, count);
      SafetensorsWriter.writeFully(channel, bytes);
    }
  }
}
