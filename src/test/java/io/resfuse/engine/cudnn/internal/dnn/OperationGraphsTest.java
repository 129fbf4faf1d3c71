package io.resfuse.engine.cudnn.internal.dnn;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.resfuse.engine.EngineException;
import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.Operation;
import io.resfuse.engine.Operation.FusedConv;
import io.resfuse.engine.Operation.Window;
import io.resfuse.engine.cudnn.CudnnExtension;
import io.resfuse.model.ResNetConfig;
import io.resfuse.model.ResNetVariant;
import io.resfuse.tensor.Shape;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import jcuda.jcudnn.cudnnBackendAttributeName;
import jcuda.jcudnn.cudnnBackendAttributeType;
import jcuda.jcudnn.cudnnBackendNumericalNote;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Graphs of the real cuDNN as far as they go without a device: every operation is finalised. */
@ExtendWith(CudnnExtension.class)
class OperationGraphsTest {
  private static Stream<String> variants() {
    return ResNetVariant.all().stream().map(ResNetVariant::name);
  }

  private static ConvolutionSpec spec(DnnType type, FusedConv conv, Shape input) {
    return new ConvolutionSpec(
        conv.name(), type, conv.window(), conv.groups(), input, conv.output().channels(), true);
  }

  /** What is done with a convolution of a network in all types. */
  private interface Check {
    void of(FusedConv conv, ConvolutionSpec spec);
  }

  private static void ofEveryLayer(String variant, Check check) {
    ResNetConfig config = ResNetConfig.of(variant);
    NetworkSpec network = config.build();
    int size = config.variant().imageSize();
    List<Shape> shapes = network.shapes(2, size, size);
    long before = Dnn.liveObjects();
    int checked = 0;
    for (Operation operation : network.operations()) {
      if (operation instanceof FusedConv conv) {
        for (DnnType type : DnnType.values()) {
          ConvolutionSpec spec = spec(type, conv, shapes.get(conv.input().id()));
          assertThat(spec.output()).isEqualTo(shapes.get(conv.output().id()));
          check.of(conv, spec);
          checked++;
        }
      }
    }
    assertThat(checked).isGreaterThan(60);
    assertThat(Dnn.liveObjects()).isEqualTo(before);
  }

  @ParameterizedTest
  @MethodSource("variants")
  void fusedConvolutionsOfEveryLayerAreFinalised(String variant) {
    ofEveryLayer(
        variant,
        (conv, spec) -> {
          boolean residual = conv.residual() != null;
          int operations = 3 + (residual ? 1 : 0) + (conv.relu() ? 1 : 0);
          try (FusedConvolutionGraph graph =
              new FusedConvolutionGraph(
                  new FusedConvolutionGraph.Spec(spec, residual, conv.relu()))) {
            assertThat(graph.operations()).as(conv.name()).isEqualTo(operations);
            int bytes = spec.type() == DnnType.FP32 || spec.type() == DnnType.TF32 ? 4 : 2;
            Map<Long, Long> operands = graph.graph().operands();
            assertThat(operands).as(conv.name()).hasSize(residual ? 6 : 5);
            assertThat(operands)
                .as(conv.name())
                .containsEntry(FusedConvolutionGraph.INPUT, spec.input().elements() * bytes)
                .containsEntry(FusedConvolutionGraph.OUTPUT, spec.output().elements() * bytes)
                .containsEntry(FusedConvolutionGraph.SCALE, 4L * spec.outputs());
          }
        });
  }

  @ParameterizedTest
  @MethodSource("variants")
  void statisticsOfEveryLayerAreFinalised(String variant) {
    ofEveryLayer(
        variant,
        (conv, spec) -> {
          try (StatisticsGraph convolution = new StatisticsGraph(spec);
              FinalizeGraph norm = new FinalizeGraph(spec.outputs())) {
            assertThat(convolution.graph().operations()).as(conv.name()).isEqualTo(2);
            assertThat(norm.graph().operations()).as(conv.name()).isEqualTo(1);
          }
        });
  }

  /** Engines give the same bits for the same input, graphs too. */
  @Test
  void takesOnlyWhatIsRepeatable() {
    int tensorCore = cudnnBackendNumericalNote.CUDNN_NUMERICAL_NOTE_TENSOR_CORE;
    int random = cudnnBackendNumericalNote.CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC;
    assertThat(OperationGraph.isRepeatable()).isTrue();
    assertThat(OperationGraph.isRepeatable(tensorCore)).isTrue();
    assertThat(OperationGraph.isRepeatable(tensorCore, random)).isFalse();
  }

  /** Lists of an enumeration's values come back from cuDNN as they were set. */
  @Test
  void listsOfChoicesAreRead() {
    try (OperationGraph graph = new OperationGraph()) {
      BackendDescriptor tensor = graph.tensor(1, DnnType.BF16.dataType(), Shape.of(1, 8, 2, 2));
      assertThat(
              tensor.choices(
                  cudnnBackendAttributeName.CUDNN_ATTR_TENSOR_DATA_TYPE,
                  cudnnBackendAttributeType.CUDNN_TYPE_DATA_TYPE,
                  1))
          .containsExactly(DnnType.BF16.dataType());
    }
  }

  @ParameterizedTest
  @MethodSource("variants")
  void gradientsThroughEveryLayersInputAreFinalised(String variant) {
    ofEveryLayer(
        variant,
        (conv, spec) -> {
          for (boolean residual : new boolean[] {false, true}) {
            try (GradientGraph graph = new GradientGraph(spec, residual)) {
              assertThat(graph.operations()).as(conv.name()).isEqualTo(residual ? 8 : 7);
            }
          }
        });
  }

  @Test
  void whatIsNoConvolutionIsRefusedAndLeavesNothing() {
    long before = Dnn.liveObjects();
    ConvolutionSpec spec =
        new ConvolutionSpec(
            "conv", DnnType.FP16, new Window(3, 1, 1, 1), 5, Shape.of(1, 16, 8, 8), 8, true);
    List<ThrowingCallable> graphs =
        List.of(
            () -> new FusedConvolutionGraph(new FusedConvolutionGraph.Spec(spec, false, true)),
            () -> new StatisticsGraph(spec),
            () -> new GradientGraph(spec, false));
    for (ThrowingCallable graph : graphs) {
      assertThatThrownBy(graph)
          .isInstanceOf(EngineException.class)
          .hasMessageMatching("CUDNN_STATUS_\\w+ \\(\\d+\\) while finalising .*");
    }
    assertThat(Dnn.liveObjects()).isEqualTo(before);
  }

  /** Without a device cuDNN gives no handle, and without one no graph. */
  @Test
  void aGraphWantsADevice() {
    ConvolutionSpec spec =
        new ConvolutionSpec(
            "conv", DnnType.FP16, new Window(3, 1, 1, 1), 1, Shape.of(2, 64, 56, 56), 64, true);
    try (FusedConvolutionGraph graph =
        new FusedConvolutionGraph(new FusedConvolutionGraph.Spec(spec, true, true))) {
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
