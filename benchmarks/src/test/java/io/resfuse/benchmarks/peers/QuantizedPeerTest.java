package io.resfuse.benchmarks.peers;

import static org.assertj.core.api.Assertions.assertThat;

import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import io.resfuse.bench.Bench;
import io.resfuse.bench.EngineCompetitor;
import io.resfuse.bench.Task;
import io.resfuse.bench.Watcher;
import io.resfuse.bench.report.BenchReport;
import io.resfuse.bench.report.Result;
import io.resfuse.bench.report.Settings;
import io.resfuse.bench.report.Workload;
import io.resfuse.engine.Engine;
import io.resfuse.engine.Engine.Mode;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.Engines;
import io.resfuse.engine.Operation.FusedConv;
import io.resfuse.engine.Operation.SubsampledIdentity;
import io.resfuse.engine.Parameters;
import io.resfuse.engine.Precision;
import io.resfuse.model.ResNetConfig;
import io.resfuse.verify.Parity;
import io.resfuse.weights.format.OnnxModel;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** ONNX Runtime in int8: the same integers as ours, and a graph that it computes with integers. */
class QuantizedPeerTest {
  @TempDir Path folder;

  private static Task task(String network, int size, Precision precision) {
    return Task.of(
        new Workload(network, Mode.INFERENCE, 2, size, precision), ResNetConfig.of(network));
  }

  /** In what ONNX Runtime makes of the graph with all that it optimises. */
  @ParameterizedTest
  @CsvSource({"resnet18, 64", "resnet50, 64", "resnet20, 32"})
  void everyConvolutionAndAdditionIsOfIntegers(String network, int size) throws OrtException {
    Task task = task(network, size, Precision.INT8);
    PeerTask given;
    try (Engine reference = Engines.open("reference", EngineOptions.defaults());
        Engine engine = Engines.open("onednn", EngineOptions.defaults())) {
      Parity parity = new Parity(reference, 1);
      Parameters ours = parity.parameters(engine, Precision.INT8, task.test());
      PeerTask.write(folder, task, Precision.INT8, parity);
      given = PeerTask.read(folder, false, 1);
      assertThat(given.parameters().quantization()).isEqualTo(ours.quantization());
    }
    Path graph = folder.resolve("model.onnx");
    Path optimized = folder.resolve("optimized.onnx");
    OnnxRuntimePeer.write(graph, given);
    try (OrtSession.SessionOptions options = OnnxRuntimePeer.options(given)) {
      options.setOptimizedModelFilePath(optimized.toString());
      OrtEnvironment.getEnvironment().createSession(graph.toString(), options).close();
    }
    OnnxModel model = OnnxModel.open(optimized);
    List<FusedConv> convolutions =
        given.spec().operations().stream()
            .filter(FusedConv.class::isInstance)
            .map(FusedConv.class::cast)
            .toList();
    long residuals = convolutions.stream().filter(conv -> conv.residual() != null).count();
    assertThat(count(model, "QLinearConv")).isEqualTo(convolutions.size());
    assertThat(count(model, "QLinearAdd")).isEqualTo(residuals).isPositive();
    long shortcuts =
        given.spec().operations().stream().filter(SubsampledIdentity.class::isInstance).count();
    assertThat(count(model, "QuantizeLinear"))
        .as("of the image, and behind shortcuts that it subsamples and pads as floats")
        .isEqualTo(1 + shortcuts);
    assertThat(count(model, "DequantizeLinear"))
        .as("before the head, and before these shortcuts")
        .isEqualTo(1 + shortcuts);
    assertThat(model.nodes())
        .noneMatch(node -> node.is("Conv") || node.is("FusedConv") || node.is("Add"));
  }

  private static long count(OnnxModel model, String op) {
    return model.nodes().stream().filter(node -> node.op().equals(op)).count();
  }

  /** Its answer is held against float64, and then against ours, before it is timed. */
  @Test
  void answersAreHeldAgainstOurs() {
    try (Engine reference = Engines.open("reference", EngineOptions.defaults());
        EngineCompetitor ours =
            new EngineCompetitor(Engines.open("onednn", new EngineOptions(1, "")));
        PeerCompetitor theirs = new PeerCompetitor(PeerKind.ONNXRUNTIME, 1);
        PeerCompetitor floats = new PeerCompetitor(PeerKind.ONEDNN_SPINNING, 1)) {
      BenchReport report =
          new Bench(
                  List.of(task("resnet20", 32, Precision.INT8)),
                  List.of(theirs, floats, ours),
                  reference,
                  new Settings(1, 0.05, "onednn", false, 1),
                  Watcher.NONE)
              .run();
      assertThat(report.results()).hasSize(3);
      for (Result result : report.results()) {
        assertThat(result.status()).as(result.detail()).isEqualTo(Result.Status.TIMED);
        assertThat(result.precision())
            .isEqualTo(
                result.competitor().equals("onednn-spinning") ? Precision.FP32 : Precision.INT8);
      }
      assertThat(report.passed()).isTrue();
    }
  }
}
