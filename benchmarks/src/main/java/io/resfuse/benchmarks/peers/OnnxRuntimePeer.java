package io.resfuse.benchmarks.peers;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import io.resfuse.weights.ModelFile;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.file.Path;
import java.util.Map;

/**
 * ONNX Runtime's CPU provider with all graph optimisations, which make convolutions and additions
 * of integers of a quantised network.
 */
final class OnnxRuntimePeer implements Peer {
  private static final String GRAPH = "model.onnx";

  private final String restriction = OnnxRuntimeLibrary.restrict();
  private final OrtEnvironment environment = OrtEnvironment.getEnvironment();
  private OrtSession session;
  private OnnxTensor images;
  private float[] logits;

  @Override
  public String describe() {
    return "ONNX Runtime " + environment.getVersion() + restriction + ", CPU provider";
  }

  @Override
  public void prepare(PeerTask task) throws OrtException {
    Path graph = Path.of(GRAPH);
    write(graph, task);
    try (OrtSession.SessionOptions options = options(task)) {
      session = environment.createSession(graph.toString(), options);
    } finally {
      graph.toFile().delete();
    }
    float[] source = task.images().toArray();
    FloatBuffer buffer =
        ByteBuffer.allocateDirect(source.length * Float.BYTES)
            .order(ByteOrder.nativeOrder())
            .asFloatBuffer();
    buffer.put(0, source);
    int[] shape = task.images().shape().toArray();
    images =
        OnnxTensor.createTensor(
            environment, buffer, new long[] {shape[0], shape[1], shape[2], shape[3]});
    logits = new float[task.logits()];
  }

  /**
   * Writes the graph that it is fastest with. Batch norms stay apart: folding them is its work. In
   * int8 what a convolution gives is rounded before an addition, as ONNX Runtime's own quantiser
   * has it, or it would compute these convolutions in float32.
   */
  static void write(Path file, PeerTask task) {
    ModelFile model = task.model();
    boolean quantized = task.parameters().quantization() != null;
    ModelFile.saveOnnx(file, model.metadata(), task.parameters(), false, quantized);
  }

  /** With the sizes that the graph leaves open, as if they were written into it. */
  static OrtSession.SessionOptions options(PeerTask task) throws OrtException {
    OrtSession.SessionOptions options = new OrtSession.SessionOptions();
    options.setIntraOpNumThreads(task.threads());
    options.setInterOpNumThreads(1);
    options.setOptimizationLevel(OrtSession.SessionOptions.OptLevel.ALL_OPT);
    options.setSymbolicDimensionValue("batch", task.batch());
    options.setSymbolicDimensionValue("height", task.images().shape().dimension(2));
    options.setSymbolicDimensionValue("width", task.images().shape().dimension(3));
    return options;
  }

  @Override
  public void iterate() throws OrtException {
    try (OrtSession.Result result = session.run(Map.of("input", images))) {
      ((OnnxTensor) result.get(0)).getFloatBuffer().get(logits);
    }
  }

  @Override
  public float[] answer() {
    return logits;
  }

  @Override
  public void close() {
    if (session != null) {
      images.close();
      try {
        session.close();
      } catch (OrtException e) {
        throw new IllegalStateException(e);
      }
    }
  }
}
