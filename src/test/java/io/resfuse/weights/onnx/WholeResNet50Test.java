package io.resfuse.weights.onnx;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.resfuse.data.image.ImageDecoder;
import io.resfuse.data.image.Preprocessing;
import io.resfuse.engine.Engine;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.Engines;
import io.resfuse.tensor.Shape;
import io.resfuse.tensor.TensorLayout;
import io.resfuse.weights.ModelFile;
import io.resfuse.weights.PretrainedModel;
import io.resfuse.weights.ProgressListener;
import io.resfuse.weights.format.OnnxModel;
import io.resfuse.weights.format.WeightsException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * ResNet-50 in its full size: the file that is part of ONNX's own tests, and the weights of
 * ImageNet, with ONNX Runtime as the judge.
 *
 * <p>{@code light_resnet50.onnx} and its output are from the Python package {@code onnx} 1.23.1
 * ({@code onnx/backend/test/data/light}, Apache-2.0). Caffe2 exported it; its weights are generated
 * from one number each, and its input is i / n for element i of n.
 */
class WholeResNet50Test {
  private static final Engine engine = Engines.open("onednn", EngineOptions.defaults());
  private static final Shape SHAPE = Shape.of(1, 3, 224, 224);
  private static final int CLASSES = 1000;
  private static final double TOLERANCE = 1e-5;

  @TempDir Path folder;

  @AfterAll
  static void close() {
    engine.close();
  }

  @Test
  void readsTheFileOfOnnxsOwnTests() throws IOException {
    Path file = TorchExportsTest.file("light_resnet50.onnx");
    ModelFile model = ModelFile.open(file);
    assertThat(model.network().name()).isEqualTo("resnet50");
    assertThat(model.report().isExact()).isTrue();
    assertThat(model.file().metadata().get(OnnxModel.ABOUT))
        .isEqualTo("opset 9, IR version 3, made by onnx-caffe2");
    float[] images = new float[(int) SHAPE.elements()];
    for (int i = 0; i < images.length; i++) {
      images[i] = (float) ((double) i / images.length);
    }
    double[] ours = TorchExportsTest.softmax(Runs.logits(engine, model, SHAPE, images), CLASSES);
    byte[] output = Files.readAllBytes(TorchExportsTest.file("light_resnet50_output_0.pb"));
    FloatBuffer raw =
        ByteBuffer.wrap(output, output.length - CLASSES * Float.BYTES, CLASSES * Float.BYTES)
            .order(ByteOrder.LITTLE_ENDIAN)
            .asFloatBuffer();
    float[] expected = new float[CLASSES];
    raw.get(expected);
    assertThat(Runs.difference(ours, Runs.doubles(expected))).isLessThan(TOLERANCE);
    assertThat(Runs.difference(ours, Runs.doubles(OnnxRuntime.run(file, SHAPE, images))))
        .isLessThan(TOLERANCE);
  }

  @Test
  void agreesWithOnnxRuntimeOnRealWeights() {
    ModelFile file = imageNet();
    float[] images = new float[(int) SHAPE.elements()];
    Preprocessing.of(file.preset())
        .newPreprocessor()
        .write(
            new ImageDecoder().read(Path.of("examples/chelsea.png")),
            FloatBuffer.wrap(images),
            0,
            TensorLayout.NCHW);
    Path exported = folder.resolve("resnet50.onnx");
    ModelFile.saveOnnx(exported, file.metadata(), file.parameters(), false);
    double[] theirs = Runs.doubles(OnnxRuntime.run(exported, SHAPE, images));
    double[] ours = Runs.logits(engine, file, SHAPE, images);
    assertThat(theirs).hasSize(CLASSES);
    assertThat(Runs.difference(ours, theirs)).isLessThan(TOLERANCE);
    assertThat(Runs.logits(engine, ModelFile.open(exported), SHAPE, images)).isEqualTo(ours);
  }

  private static ModelFile imageNet() {
    try {
      return PretrainedModel.RESNET50_IMAGENET.open(ProgressListener.NONE);
    } catch (WeightsException e) {
      assumeTrue(false, "the ImageNet ResNet-50 cannot be had here: " + e.getMessage());
      throw e;
    }
  }
}
