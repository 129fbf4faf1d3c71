package io.resfuse.weights.onnx;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import io.resfuse.tensor.Shape;
import io.resfuse.weights.format.OnnxModel;
import java.nio.FloatBuffer;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;

/** Runs ONNX files with ONNX Runtime. */
final class OnnxRuntime {
  private OnnxRuntime() {}

  /** The first output for images. */
  static float[] run(Path file, Shape shape, float... images) {
    return run(OrtSession.SessionOptions.OptLevel.ALL_OPT, file, shape, images);
  }

  /**
   * The same node by node: quantised networks in floats, which are rounded where the graph says.
   * Integers of 8 bits would be cut off on CPUs without VNNI.
   */
  static float[] runAsWritten(Path file, Shape shape, float... images) {
    return run(OrtSession.SessionOptions.OptLevel.NO_OPT, file, shape, images);
  }

  private static float[] run(
      OrtSession.SessionOptions.OptLevel level, Path file, Shape shape, float... images) {
    long[] sizes = Arrays.stream(shape.toArray()).asLongStream().toArray();
    OrtEnvironment environment = OrtEnvironment.getEnvironment();
    try (OrtSession.SessionOptions options = new OrtSession.SessionOptions()) {
      options.setIntraOpNumThreads(1);
      options.setOptimizationLevel(level);
      try (OrtSession session = environment.createSession(file.toString(), options);
          OnnxTensor input = OnnxTensor.createTensor(environment, FloatBuffer.wrap(images), sizes);
          OrtSession.Result result =
              session.run(Map.of(session.getInputNames().iterator().next(), input))) {
        FloatBuffer output = ((OnnxTensor) result.get(0)).getFloatBuffer();
        float[] values = new float[output.remaining()];
        output.get(values);
        return values;
      }
    } catch (OrtException e) {
      throw new AssertionError(file + ": " + e.getMessage(), e);
    }
  }

  /** What it makes of a graph before it runs it. */
  static OnnxModel optimized(Path file, Path target) {
    OrtEnvironment environment = OrtEnvironment.getEnvironment();
    try (OrtSession.SessionOptions options = new OrtSession.SessionOptions()) {
      options.setOptimizationLevel(OrtSession.SessionOptions.OptLevel.EXTENDED_OPT);
      options.setOptimizedModelFilePath(target.toString());
      environment.createSession(file.toString(), options).close();
      return OnnxModel.open(target);
    } catch (OrtException e) {
      throw new AssertionError(file + ": " + e.getMessage(), e);
    }
  }
}
