package io.resfuse.engine.cudnn.dnn;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.resfuse.engine.EngineException;
import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.Operation;
import io.resfuse.engine.Operation.FusedConv;
import io.resfuse.engine.Operation.Window;
import io.resfuse.engine.cudnn.CudnnExtension;
import io.resfuse.model.ResNet;
import io.resfuse.model.ResNetConfig;
import io.resfuse.model.ResNetVariant;
import io.resfuse.tensor.Shape;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Graphs of the real cuDNN as far as they go without a device: every operation is finalised. */
@ExtendWith(CudnnExtension.class)
class FusedConvolutionGraphTest {
  private static Stream<String> variants() {
    return ResNetVariant.all().stream().map(ResNetVariant::name);
  }

  private static FusedConvolutionGraph.Spec spec(DnnType type, FusedConv conv, Shape input) {
    return new FusedConvolutionGraph.Spec(
        type,
        conv.window(),
        conv.groups(),
        input,
        conv.output().channels(),
        conv.residual() != null,
        conv.relu());
  }

  @ParameterizedTest
  @MethodSource("variants")
  void operationsOfEveryLayerAreFinalised(String variant) {
    ResNetConfig config = ResNetConfig.of(variant);
    NetworkSpec network = ResNet.build(config);
    int size = config.variant().imageSize();
    List<Shape> shapes = network.shapes(2, size, size);
    long before = Dnn.liveObjects();
    for (Operation operation : network.operations()) {
      if (operation instanceof FusedConv conv) {
        Shape input = shapes.get(conv.input().id());
        int operations = 3 + (conv.residual() == null ? 0 : 1) + (conv.relu() ? 1 : 0);
        for (DnnType type : DnnType.values()) {
          FusedConvolutionGraph.Spec spec = spec(type, conv, input);
          assertThat(spec.output()).isEqualTo(shapes.get(conv.output().id()));
          try (FusedConvolutionGraph graph = new FusedConvolutionGraph(spec)) {
            assertThat(graph.operations()).as(conv.name()).isEqualTo(operations);
          }
        }
      }
    }
    assertThat(Dnn.liveObjects()).isEqualTo(before);
  }

  @Test
  void whatIsNoConvolutionIsRefusedAndLeavesNothing() {
    long before = Dnn.liveObjects();
    FusedConvolutionGraph.Spec spec =
        new FusedConvolutionGraph.Spec(
            DnnType.FP16, new Window(3, 1, 1, 1), 5, Shape.of(1, 16, 8, 8), 8, false, true);
    assertThatThrownBy(() -> new FusedConvolutionGraph(spec))
        .isInstanceOf(EngineException.class)
        .hasMessageMatching("CUDNN_STATUS_\\w+ \\(\\d+\\) while finalising .*");
    assertThat(Dnn.liveObjects()).isEqualTo(before);
  }

  /** Without a device cuDNN gives no handle, and without one no graph. */
  @Test
  void aGraphWantsADevice() {
    FusedConvolutionGraph.Spec spec =
        new FusedConvolutionGraph.Spec(
            DnnType.FP16, new Window(3, 1, 1, 1), 1, Shape.of(2, 64, 56, 56), 64, true, true);
    try (FusedConvolutionGraph graph = new FusedConvolutionGraph(spec)) {
      if (Files.exists(Path.of("/proc/driver/nvidia/version"))) {
        try (Handle handle = new Handle()) {
          graph.join(handle);
        }
      } else {
        assertThatThrownBy(Handle::new)
            .isInstanceOf(EngineException.class)
            .hasMessage("CUDNN_STATUS_NOT_INITIALIZED (1001) while creating a handle on a device");
      }
    }
  }
}
