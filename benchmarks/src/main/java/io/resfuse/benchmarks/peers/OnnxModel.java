package io.resfuse.benchmarks.peers;

import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.Operation;
import io.resfuse.engine.Operation.FusedConv;
import io.resfuse.engine.Operation.GlobalAveragePool;
import io.resfuse.engine.Operation.Linear;
import io.resfuse.engine.Operation.MaxPool;
import io.resfuse.engine.Operation.Window;
import io.resfuse.engine.ParameterSpec;
import io.resfuse.engine.Parameters;
import io.resfuse.tensor.HostTensor;
import io.resfuse.tensor.Shape;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;

/**
 * Writes a network as an ONNX model (opset 17, float32, images named {@code input}, result named
 * {@code logits}), so that ONNX Runtime can be measured on it. Field numbers are those of
 * onnx.proto.
 */
final class OnnxModel {
  private static final int FLOAT = 1;

  private final Message graph = new Message();
  private final Map<Integer, String> names = new HashMap<>();

  private OnnxModel() {}

  static byte[] of(NetworkSpec network, Parameters parameters, Shape images) {
    return new OnnxModel().model(network, parameters, images);
  }

  private byte[] model(NetworkSpec network, Parameters parameters, Shape images) {
    names.put(network.input().id(), "input");
    for (Operation operation : network.operations()) {
      names.put(operation.output().id(), append(operation));
      for (ParameterSpec parameter : operation.parameters()) {
        graph.message(5, tensor(parameter.name(), parameters.get(parameter)));
      }
    }
    graph.string(2, network.name());
    graph.message(11, valueInfo("input", images));
    String logits = names.get(network.output("logits").id());
    graph.message(
        12, valueInfo(logits, Shape.of(images.dimension(0), network.output("logits").channels())));
    Message opset = new Message().string(1, "").varint(2, 17);
    return new Message()
        .varint(1, 8)
        .string(2, "resfuse")
        .message(7, graph)
        .message(8, opset)
        .toByteArray();
  }

  private String append(Operation operation) {
    String in = names.get(operation.inputs().get(0).id());
    String out = operation.name() + ":out";
    if (operation instanceof FusedConv conv) {
      return append(conv, in);
    }
    if (operation instanceof MaxPool pool) {
      graph.message(1, windowed(node("MaxPool", out, in), pool.window()));
    } else if (operation instanceof GlobalAveragePool) {
      graph.message(1, node("GlobalAveragePool", out + "4d", in));
      graph.message(1, node("Flatten", out, out + "4d").message(5, integer("axis", 1)));
    } else if (operation instanceof Linear linear) {
      Message gemm = node("Gemm", out, in, linear.weight().name(), linear.bias().name());
      graph.message(1, gemm.message(5, integer("transB", 1)));
    } else {
      throw new IllegalArgumentException("no ONNX form of " + operation.name() + " is written");
    }
    return out;
  }

  private String append(FusedConv conv, String in) {
    String value = conv.name() + ":conv";
    Message node =
        conv.bias() == null
            ? node("Conv", value, in, conv.weight().name())
            : node("Conv", value, in, conv.weight().name(), conv.bias().name());
    windowed(node, conv.window())
        .message(5, integers("dilations", conv.window().dilation(), conv.window().dilation()))
        .message(5, integer("group", conv.groups()));
    graph.message(1, node);
    if (conv.batchNorm() != null) {
      Operation.BatchNorm bn = conv.batchNorm();
      String normalised = conv.name() + ":bn";
      graph.message(
          1,
          node(
                  "BatchNormalization",
                  normalised,
                  value,
                  bn.gamma().name(),
                  bn.beta().name(),
                  bn.mean().name(),
                  bn.variance().name())
              .message(
                  5,
                  new Message().string(1, "epsilon").fixed(2, (float) bn.epsilon()).varint(20, 1)));
      value = normalised;
    }
    if (conv.residual() != null) {
      String sum = conv.name() + ":add";
      graph.message(1, node("Add", sum, value, names.get(conv.residual().id())));
      value = sum;
    }
    if (conv.relu()) {
      graph.message(1, node("Relu", conv.name() + ":relu", value));
      value = conv.name() + ":relu";
    }
    return value;
  }

  private static Message windowed(Message node, Window window) {
    int padding = window.padding();
    return node.message(5, integers("kernel_shape", window.kernel(), window.kernel()))
        .message(5, integers("strides", window.stride(), window.stride()))
        .message(5, integers("pads", padding, padding, padding, padding));
  }

  private static Message node(String type, String output, String... inputs) {
    Message node = new Message();
    for (String input : inputs) {
      node.string(1, input);
    }
    return node.string(2, output).string(3, output).string(4, type);
  }

  private static Message integer(String name, long value) {
    return new Message().string(1, name).varint(3, value).varint(20, 2);
  }

  private static Message integers(String name, long... values) {
    Message attribute = new Message().string(1, name);
    for (long value : values) {
      attribute.varint(8, value);
    }
    return attribute.varint(20, 7);
  }

  private static Message tensor(String name, HostTensor tensor) {
    Message message = new Message();
    for (int dimension : tensor.shape().toArray()) {
      message.varint(1, dimension);
    }
    ByteBuffer raw =
        ByteBuffer.allocate(Math.toIntExact(tensor.shape().elements() * Float.BYTES))
            .order(ByteOrder.LITTLE_ENDIAN);
    raw.asFloatBuffer().put(tensor.buffer());
    return message.varint(2, FLOAT).string(8, name).bytes(9, raw.array());
  }

  private static Message valueInfo(String name, Shape shape) {
    Message dimensions = new Message();
    for (int dimension : shape.toArray()) {
      dimensions.message(1, new Message().varint(1, dimension));
    }
    Message tensorType = new Message().varint(1, FLOAT).message(2, dimensions);
    return new Message().string(1, name).message(2, new Message().message(1, tensorType));
  }

  /** A protocol-buffer message being written. */
  private static final class Message {
    private final ByteArrayOutputStream out = new ByteArrayOutputStream();

    Message varint(int field, long value) {
      raw(field << 3);
      raw(value);
      return this;
    }

    Message fixed(int field, float value) {
      raw(field << 3 | 5);
      int bits = Float.floatToRawIntBits(value);
      for (int shift = 0; shift < 32; shift += 8) {
        out.write(bits >>> shift);
      }
      return this;
    }

    Message bytes(int field, byte[] value) {
      raw(field << 3 | 2);
      raw(value.length);
      out.writeBytes(value);
      return this;
    }

    Message string(int field, String value) {
      return bytes(field, value.getBytes(StandardCharsets.UTF_8));
    }

    Message message(int field, Message value) {
      return bytes(field, value.toByteArray());
    }

    byte[] toByteArray() {
      return out.toByteArray();
    }

    private void raw(long value) {
      long rest = value;
      while ((rest & ~0x7FL) != 0) {
        out.write((int) (rest & 0x7F | 0x80));
        rest >>>= 7;
      }
      out.write((int) rest);
    }
  }
}
