package io.resfuse.weights.onnx;

import static org.assertj.core.api.Assertions.assertThat;

import io.resfuse.engine.Engine;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.Engines;
import io.resfuse.engine.ParameterSpec.Role;
import io.resfuse.engine.Parameters;
import io.resfuse.engine.TestData;
import io.resfuse.engine.TestNetworks;
import io.resfuse.engine.TestNetworks.TestNetwork;
import io.resfuse.model.ResNetConfig;
import io.resfuse.tensor.HostTensor;
import io.resfuse.tensor.Shape;
import io.resfuse.weights.ModelFile;
import io.resfuse.weights.format.OnnxGraph;
import io.resfuse.weights.format.OnnxModel;
import io.resfuse.weights.format.TestOnnx;
import io.resfuse.weights.onnx.ExporterGraphs.Exporter;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Graphs of the structures that exporters other than PyTorch's old one give (built here). */
class OtherExportersTest {
  private static final Engine reference = Engines.open("reference", new EngineOptions(2, ""));

  @TempDir Path folder;

  @AfterAll
  static void close() {
    reference.close();
  }

  private static TestNetwork network(String name) {
    return TestNetworks.networks().stream()
        .filter(test -> test.network().name().equals(name))
        .findFirst()
        .orElseThrow();
  }

  @ParameterizedTest
  @CsvSource({
    "CAFFE2, bottleneck",
    "CAFFE2, basicB",
    "CAFFE2_LIGHT, bottleneck",
    "MXNET, bottleneckKeras",
    "MXNET, stem",
    "MXNET, plain",
    "KERAS, bottleneckKeras",
    "KERAS, basicB",
    "DYNAMO, bottleneckDilated",
    "DYNAMO, basicA",
    "DYNAMO, resnext",
  })
  void isRead(Exporter exporter, String name) {
    TestNetwork test = network(name);
    Parameters parameters = TestData.parameters(test.network());
    if (exporter == Exporter.CAFFE2_LIGHT) {
      parameters = withoutMeans(test, parameters);
    }
    OnnxGraph graph = ExporterGraphs.graph(exporter, test, parameters);
    Path file = folder.resolve("model");
    TestOnnx.write(file, graph, exporter.irVersion, exporter.opset);
    ModelFile model = ModelFile.open(file);
    String notes = model.report().notes().toString();
    assertThat(model.file().metadata().get(OnnxModel.ABOUT))
        .startsWith("opset " + exporter.opset + ", IR version " + exporter.irVersion);
    assertThat(notes.contains("Softmax at its end")).isEqualTo(exporter.endsWithSoftmax());
    assertThat(notes.contains("its batch was fixed")).isEqualTo(exporter.isCaffe2());
    if (exporter.folds()) {
      ResNetConfig config = (ResNetConfig) model.config();
      assertThat(config.convBias()).isFalse();
      assertThat(notes).contains("batch norms had been folded");
    } else {
      assertThat(model.network().operations()).isEqualTo(test.network().operations());
      OnnxRoundTripTest.assertSameBits(model.parameters(), parameters);
      assertThat(notes).doesNotContain("folded");
    }
    boolean nhwc = exporter == Exporter.KERAS;
    Shape shape = test.imageShape();
    float[] images = test.images();
    float[] theirs =
        nhwc
            ? OnnxRuntime.run(
                file,
                Shape.of(test.batch(), test.height(), test.width(), shape.dimension(1)),
                nhwc(shape, images))
            : OnnxRuntime.run(file, shape, images);
    double[] ours = Runs.logits(reference, model, shape, images);
    if (exporter.endsWithSoftmax()) {
      ours = TorchExportsTest.softmax(ours, test.network().outputs().get("logits").channels());
    }
    assertThat(Runs.difference(ours, Runs.doubles(theirs))).isLessThan(1e-5);
  }

  private static Parameters withoutMeans(TestNetwork test, Parameters parameters) {
    Map<String, HostTensor> tensors = new LinkedHashMap<>(parameters.asMap());
    test.network()
        .parameters()
        .values()
        .forEach(
            spec -> {
              if (spec.role() == Role.BN_MEAN) {
                tensors.put(spec.name(), HostTensor.zeros(spec.shape()));
              }
            });
    return new Parameters(test.network(), tensors);
  }

  private static float[] nhwc(Shape shape, float... nchw) {
    int channels = shape.dimension(1);
    int plane = shape.dimension(2) * shape.dimension(3);
    float[] moved = new float[nchw.length];
    for (int n = 0; n < shape.dimension(0); n++) {
      for (int c = 0; c < channels; c++) {
        for (int i = 0; i < plane; i++) {
          moved[(n * plane + i) * channels + c] = nchw[(n * channels + c) * plane + i];
        }
      }
    }
    return moved;
  }
}
