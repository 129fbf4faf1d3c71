package io.resfuse.weights.onnx;

import static org.assertj.core.api.Assertions.assertThat;

import io.resfuse.engine.Engine;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.Engines;
import io.resfuse.engine.InferencePlan;
import io.resfuse.engine.LoadedNetwork;
import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.Parameters;
import io.resfuse.engine.PlanRequest;
import io.resfuse.engine.Precision;
import io.resfuse.engine.Results;
import io.resfuse.engine.TestData;
import io.resfuse.engine.TestNetworks;
import io.resfuse.engine.TestNetworks.TestNetwork;
import io.resfuse.model.ResNetConfig;
import io.resfuse.tensor.TensorLayout;
import io.resfuse.weights.ModelFile;
import io.resfuse.weights.ModelMetadata;
import io.resfuse.weights.format.OnnxWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** What is written, ONNX Runtime runs, with the results that our own engine has. */
class OnnxExportTest {
  private static final double TOLERANCE = 1e-5;
  private static final Engine reference = Engines.open("reference", new EngineOptions(2, ""));

  @TempDir Path folder;

  @AfterAll
  static void close() {
    reference.close();
  }

  /** Every kind of block, shortcut, stem and stride, with batch norms kept and folded. */
  static Stream<Arguments> networks() {
    return TestNetworks.networks().stream()
        .flatMap(test -> Stream.of(Arguments.of(test, false), Arguments.of(test, true)));
  }

  @ParameterizedTest
  @MethodSource("networks")
  void runsAsOurEngine(TestNetwork test, boolean fold) {
    Path file = folder.resolve("model.onnx");
    Parameters parameters = TestData.parameters(test.network());
    OnnxWriter.write(file, OnnxExport.graph(test.network(), parameters, fold), Map.of());
    assertAgree(file, test, parameters);
  }

  @ParameterizedTest
  @CsvSource({"resnet18, false", "resnet20, true", "resnext50_32x4d, true"})
  void runsNamedNetworks(String name, boolean fold) {
    NetworkSpec network = ResNetConfig.of(name).build();
    Path file = folder.resolve("model.onnx");
    Parameters parameters = TestData.parameters(network);
    OnnxWriter.write(file, OnnxExport.graph(network, parameters, fold), Map.of());
    assertAgree(file, new TestNetwork(network, 1, 32, 32), parameters);
  }

  private static void assertAgree(Path file, TestNetwork test, Parameters parameters) {
    try (LoadedNetwork loaded = reference.load(test.network(), parameters, Precision.FP32);
        InferencePlan plan =
            loaded.plan(
                new PlanRequest(
                    test.batch(),
                    test.height(),
                    test.width(),
                    TensorLayout.NCHW,
                    Set.of("logits")))) {
      double[] ours = Results.inference(plan, test, test.images()).get("logits");
      float[] theirs = OnnxRuntime.run(file, test.imageShape(), test.images());
      assertThat(theirs).hasSameSizeAs(ours);
      double largest = 0;
      double difference = 0;
      for (int i = 0; i < ours.length; i++) {
        largest = Math.max(largest, Math.abs(ours[i]));
        difference = Math.max(difference, Math.abs(ours[i] - theirs[i]));
      }
      assertThat(largest).isPositive();
      assertThat(difference / largest).as("of %s", largest).isLessThan(TOLERANCE);
    }
  }

  @Test
  void givesTheSameBytesEachTime() throws IOException {
    ResNetConfig config = ResNetConfig.of("resnet8").withClasses(2);
    ModelMetadata metadata =
        new ModelMetadata(config, "cifar", List.of("cat", "dog"), Map.of("license", "MIT"));
    Parameters parameters = TestData.parameters(config.build());
    List<byte[]> files = new ArrayList<>();
    for (String name : List.of("a.onnx", "b.onnx")) {
      ModelFile.saveOnnx(folder.resolve(name), metadata, parameters, true);
      files.add(Files.readAllBytes(folder.resolve(name)));
    }
    assertThat(files.get(0)).isEqualTo(files.get(1));
  }
}
