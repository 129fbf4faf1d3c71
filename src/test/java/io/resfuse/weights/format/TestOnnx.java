package io.resfuse.weights.format;

import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Map;

/** Writes ONNX as others do. */
public final class TestOnnx {
  private TestOnnx() {}

  /** Of other versions than ours. */
  public static void write(Path target, OnnxGraph graph, int irVersion, int opset) {
    OnnxWriter.write(
        target, graph, Map.of(), new OnnxWriter.Format(irVersion, opset, Long.MAX_VALUE));
  }

  /** Of bytes that are in no file. */
  public static OnnxModel read(Path name, byte[] bytes) {
    return OnnxReader.read(name, ByteBuffer.wrap(bytes));
  }

  /** With all weights in a second file. */
  public static void writeExternal(Path target, OnnxGraph graph) {
    OnnxWriter.write(target, graph, Map.of(), new OnnxWriter.Format(8, OnnxWriter.OPSET, 0));
  }
}
