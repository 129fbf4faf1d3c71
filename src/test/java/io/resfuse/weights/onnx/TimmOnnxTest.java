package io.resfuse.weights.onnx;

import static org.assertj.core.api.Assertions.assertThat;

import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.Parameters;
import io.resfuse.engine.TestData;
import io.resfuse.model.ResNetConfig;
import io.resfuse.model.ResNetVariant;
import io.resfuse.model.ResNetVariant.BlockKind;
import io.resfuse.model.ResNetVariant.StemKind;
import io.resfuse.weights.ModelFile;
import io.resfuse.weights.format.OnnxWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Networks of timm's as ONNX, written and read again without our description of them. */
class TimmOnnxTest {
  @TempDir Path folder;

  static Stream<ResNetConfig> configs() {
    return Stream.of(
        config(BlockKind.BASIC, StemKind.TIERED_DEEP, false, false),
        config(BlockKind.BOTTLENECK, StemKind.WIDE_DEEP, false, false),
        config(BlockKind.BASIC, StemKind.IMAGENET, true, false),
        config(BlockKind.BOTTLENECK, StemKind.DEEP, true, false),
        config(BlockKind.BASIC, StemKind.IMAGENET, false, true),
        config(BlockKind.BOTTLENECK, StemKind.TIERED_DEEP, true, true));
  }

  private static ResNetConfig config(
      BlockKind block, StemKind stem, boolean averaged, boolean gated) {
    List<Integer> blocks = List.of(1, 2);
    List<Integer> widths = List.of(8, 16);
    return ResNetConfig.of(
            new ResNetVariant("net", block, stem, blocks, widths, 1, 64, true, averaged, gated))
        .withClasses(5);
  }

  @ParameterizedTest
  @MethodSource("configs")
  void areReadAsTheyWereWritten(ResNetConfig config) {
    NetworkSpec network = config.build();
    Parameters parameters = TestData.parameters(network);
    Path file = folder.resolve("model.onnx");
    OnnxWriter.write(file, OnnxExport.graph(network, parameters, false), Map.of());
    ModelFile read = ModelFile.open(file);
    assertThat(((ResNetConfig) read.config()).variant().hasTableOf(config.variant())).isTrue();
    assertThat(read.report().isExact()).isTrue();
    parameters
        .asMap()
        .forEach(
            (name, tensor) ->
                assertThat(read.parameters().get(name).toArray())
                    .as(name)
                    .isEqualTo(tensor.toArray()));
  }
}
