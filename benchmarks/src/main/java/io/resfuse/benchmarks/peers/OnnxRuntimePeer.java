package io.resfuse.benchmarks.peers;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.Map;

/** ONNX Runtime's CPU provider with all graph optimisations. */
final class OnnxRuntimePeer implements Peer {
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
    OrtSession.SessionOptions options = new OrtSession.SessionOptions();
    options.setIntraOpNumThreads(task.threads());
    options.setInterOpNumThreads(1);
    options.setOptimizationLevel(OrtSession.SessionOptions.OptLevel.ALL_OPT);
    session =
        environment.createSession(
            OnnxModel.of(task.spec(), task.parameters(), task.images().shape()), options);
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
