package io.resfuse.weights.format;

import io.resfuse.tensor.DataType;
import io.resfuse.tensor.Shape;
import io.resfuse.weights.format.OnnxTensor.Coding;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Reads ONNX (github.com/onnx/onnx, onnx.proto): the messages from ModelProto down to what a graph
 * of convolutions needs. Local functions, training information, graphs within nodes and value
 * shapes are left out unread; nothing is opened for their sake.
 */
final class OnnxReader {
  /** A protocol buffer may not be larger. */
  private static final long LARGEST = Integer.MAX_VALUE - 8;

  private static final Map<Long, DataType> TYPES =
      Map.of(
          1L, DataType.FLOAT32,
          2L, DataType.UINT8,
          3L, DataType.INT8,
          5L, DataType.INT16,
          6L, DataType.INT32,
          7L, DataType.INT64,
          9L, DataType.BOOL,
          10L, DataType.FLOAT16,
          11L, DataType.FLOAT64,
          16L, DataType.BFLOAT16);

  private final Path path;
  private final OnnxExternalData external;
  private long irVersion;
  private final Map<String, Long> opsets = new LinkedHashMap<>();
  private String producer = "";
  private String producerVersion = "";
  private final Map<String, String> metadata = new LinkedHashMap<>();
  private boolean hasGraph;
  private final List<OnnxValue> inputs = new ArrayList<>();
  private final List<OnnxValue> outputs = new ArrayList<>();
  private final List<OnnxNode> nodes = new ArrayList<>();
  private final Map<String, OnnxTensor> initializers = new LinkedHashMap<>();

  private OnnxReader(Path path) {
    this.path = path;
    this.external = new OnnxExternalData(path);
  }

  static OnnxModel read(MappedFile file) {
    if (file.size() > LARGEST) {
      throw WeightsException.of(
          file.path(),
          "it has " + file.size() + " bytes, and looks like ONNX",
          "ONNX files are smaller than 2 GiB: export it with external data");
    }
    return read(file.path(), file.slice(0, file.size()));
  }

  static OnnxModel read(Path path, ByteBuffer bytes) {
    return new OnnxReader(path).model(new ProtoReader(path, bytes));
  }

  private OnnxModel model(ProtoReader message) {
    while (message.next()) {
      switch (message.field()) {
        case 1 -> irVersion = message.varint();
        case 2 -> producer = message.name();
        case 3 -> producerVersion = message.name();
        case 7 -> graph(message.message());
        case 8 -> opset(message.message());
        case 14 -> entry(message.message(), metadata);
        default -> message.skip();
      }
    }
    if (!hasGraph) {
      throw corrupt("it has no graph");
    }
    Long opset = opsets.get("");
    if (opset == null || opset < 1) {
      throw corrupt("it does not say which version of ONNX's operators it uses");
    }
    String maker = producerVersion.isEmpty() ? producer : producer + " " + producerVersion;
    return new OnnxModel(
        path, irVersion, opset, maker, metadata, inputs, outputs, nodes, initializers);
  }

  private void opset(ProtoReader message) {
    String domain = "";
    long version = 0;
    while (message.next()) {
      switch (message.field()) {
        case 1 -> domain = domain(message.name());
        case 2 -> version = message.varint();
        default -> message.skip();
      }
    }
    opsets.merge(domain, version, Math::max);
  }

  /** ONNX's own domain has two names. */
  private static String domain(String name) {
    return name.equals("ai.onnx") ? "" : name;
  }

  private void entry(ProtoReader message, Map<String, String> into) {
    String key = "";
    String value = "";
    while (message.next()) {
      switch (message.field()) {
        case 1 -> key = message.name();
        case 2 -> value = message.text();
        default -> message.skip();
      }
    }
    if (into.put(key, value) != null) {
      throw corrupt("it says '" + key + "' twice");
    }
  }

  private void graph(ProtoReader message) {
    if (hasGraph) {
      throw corrupt("it has two graphs");
    }
    hasGraph = true;
    while (message.next()) {
      switch (message.field()) {
        case 1 -> nodes.add(node(message.message()));
        case 5 -> {
          OnnxTensor tensor = tensor(message.message());
          if (initializers.put(tensor.name(), tensor) != null) {
            throw corrupt("two initializers are named '" + tensor.name() + "'");
          }
        }
        case 11 -> inputs.add(value(message.message()));
        case 12 -> outputs.add(value(message.message()));
        case 15 ->
            throw WeightsException.of(
                path, "it has sparse initializers", "export it with dense ones");
        default -> message.skip();
      }
    }
  }

  private OnnxNode node(ProtoReader message) {
    message.charge(300);
    String name = "";
    String op = "";
    String domain = "";
    List<String> in = new ArrayList<>();
    List<String> out = new ArrayList<>();
    Map<String, Object> attributes = new LinkedHashMap<>();
    while (message.next()) {
      switch (message.field()) {
        case 1 -> in.add(message.name());
        case 2 -> out.add(message.name());
        case 3 -> name = message.name();
        case 4 -> op = message.name();
        case 5 -> attribute(message.message(), attributes);
        case 7 -> domain = domain(message.name());
        default -> message.skip();
      }
    }
    return new OnnxNode(name, op, domain, in, out, attributes);
  }

  /** Kinds of attributes. Files of IR version 1 do not state them. */
  private static final int UNSTATED = 0;

  private static final int FLOAT = 1;
  private static final int INT = 2;
  private static final int STRING = 3;
  private static final int TENSOR = 4;
  private static final int FLOATS = 6;
  private static final int INTS = 7;

  private void attribute(ProtoReader message, Map<String, Object> into) {
    message.charge(150);
    String name = "";
    long kind = UNSTATED;
    long found = UNSTATED;
    float number = 0;
    long integer = 0;
    String text = "";
    OnnxTensor tensor = null;
    LongList integers = new LongList();
    List<ByteBuffer> floats = new ArrayList<>();
    while (message.next()) {
      switch (message.field()) {
        case 1 -> name = message.name();
        case 2 -> {
          number = message.fixed32();
          found = FLOAT;
        }
        case 3 -> {
          integer = message.varint();
          found = INT;
        }
        case 4 -> {
          text = latin(message);
          found = STRING;
        }
        case 5 -> {
          tensor = tensor(message.message());
          found = TENSOR;
        }
        case 7 -> {
          floats.add(message.piece());
          found = FLOATS;
        }
        case 8 -> {
          message.integers(integers);
          found = INTS;
        }
        case 20 -> kind = message.varint();
        default -> message.skip();
      }
    }
    long type = kind == UNSTATED ? found : kind;
    Object value = OnnxNode.OTHER;
    if (type == FLOAT) {
      value = number;
    } else if (type == INT) {
      value = integer;
    } else if (type == STRING) {
      value = text;
    } else if (type == TENSOR && tensor != null) {
      value = tensor;
    } else if (type == FLOATS) {
      value = floats(message, floats);
    } else if (type == INTS) {
      value = integers.toArray();
    }
    if (into.put(name, value) != null) {
      throw corrupt("a node has two attributes '" + name + "'");
    }
  }

  /** Attributes of type STRING are bytes; those that matter here are ASCII. */
  private static String latin(ProtoReader message) {
    ByteBuffer bytes = message.bytes();
    message.charge(64 + 2L * bytes.remaining());
    return StandardCharsets.ISO_8859_1.decode(bytes).toString().replaceAll("\\p{Cntrl}", "?");
  }

  private float[] floats(ProtoReader message, List<ByteBuffer> pieces) {
    int bytes = pieces.stream().mapToInt(ByteBuffer::limit).sum();
    message.charge(bytes);
    float[] values = new float[bytes / 4];
    int count = 0;
    for (ByteBuffer piece : pieces) {
      if (piece.limit() % 4 != 0) {
        throw corrupt("an attribute has a part of a float");
      }
      for (int i = 0; i < piece.limit(); i += 4) {
        values[count++] = piece.getFloat(i);
      }
    }
    return values;
  }

  private OnnxValue value(ProtoReader message) {
    message.charge(100);
    String name = "";
    List<Object> dimensions = new ArrayList<>();
    while (message.next()) {
      switch (message.field()) {
        case 1 -> name = message.name();
        case 2 -> type(message.message(), dimensions);
        default -> message.skip();
      }
    }
    return new OnnxValue(name, dimensions);
  }

  /** TypeProto, its tensor type, and the shape of that. */
  private static void type(ProtoReader type, List<Object> dimensions) {
    while (type.next()) {
      if (type.field() != 1) {
        type.skip();
        continue;
      }
      ProtoReader tensor = type.message();
      while (tensor.next()) {
        if (tensor.field() != 2) {
          tensor.skip();
          continue;
        }
        ProtoReader shape = tensor.message();
        while (shape.next()) {
          if (shape.field() == 1) {
            dimensions.add(dimension(shape.message()));
          } else {
            shape.skip();
          }
        }
      }
    }
  }

  private static Object dimension(ProtoReader message) {
    message.charge(100);
    Object size = "";
    while (message.next()) {
      switch (message.field()) {
        case 1 -> size = message.varint();
        case 2 -> size = message.name();
        default -> message.skip();
      }
    }
    return size;
  }

  private OnnxTensor tensor(ProtoReader message) {
    message.charge(400);
    LongList dimensions = new LongList();
    long typeNumber = 0;
    String name = "";
    ByteBuffer raw = null;
    boolean isExternal = false;
    boolean isOther = false;
    Map<String, String> place = new LinkedHashMap<>();
    List<ByteBuffer> fixed = new ArrayList<>();
    List<ByteBuffer> varints = new ArrayList<>();
    while (message.next()) {
      switch (message.field()) {
        case 1 -> message.integers(dimensions);
        case 2 -> typeNumber = message.varint();
        case 4, 10 -> fixed.add(message.piece());
        case 5, 7 -> varints.add(message.piece());
        case 8 -> name = message.name();
        case 9 -> raw = message.bytes();
        case 13 -> entry(message.message(), place);
        case 14 -> isExternal = message.varint() == 1;
        case 3, 6, 11 -> {
          isOther = true;
          message.skip();
        }
        default -> message.skip();
      }
    }
    DataType type = TYPES.get(typeNumber);
    if (type == null || isOther) {
      throw WeightsException.of(
          path,
          "tensor '" + name + "' is in segments, or of ONNX's element type " + typeNumber,
          "export it as float, float16, bfloat16 or double");
    }
    Shape shape = StoredShapes.checked(path, name, dimensions.toArray());
    if (isExternal) {
      return external(name, type, shape, external.place(name, place));
    }
    boolean isVarint = raw == null && fixed.isEmpty() && !varints.isEmpty();
    List<ByteBuffer> pieces = pieces(raw, fixed, varints);
    return new OnnxTensor(
        path, name, type, shape, isVarint ? Coding.VARINTS : Coding.RAW, () -> pieces);
  }

  private OnnxTensor external(
      String name, DataType type, Shape shape, OnnxExternalData.Place place) {
    long bytes = shape.elements() * type.bytes();
    return new OnnxTensor(
        path, name, type, shape, Coding.RAW, () -> List.of(external.read(name, place, bytes)));
  }

  private static List<ByteBuffer> pieces(
      @Nullable ByteBuffer raw, List<ByteBuffer> fixed, List<ByteBuffer> varints) {
    if (raw != null) {
      return List.of(raw);
    }
    return List.copyOf(fixed.isEmpty() ? varints : fixed);
  }

  private WeightsException corrupt(String found) {
    return WeightsException.corrupt(path, found);
  }
}
