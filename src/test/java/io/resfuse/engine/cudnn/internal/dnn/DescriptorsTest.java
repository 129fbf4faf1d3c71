package io.resfuse.engine.cudnn.internal.dnn;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.resfuse.engine.EngineException;
import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.Operation;
import io.resfuse.engine.Operation.FusedConv;
import io.resfuse.engine.Operation.MaxPool;
import io.resfuse.engine.Operation.Window;
import io.resfuse.engine.cuda.internal.library.Library;
import io.resfuse.engine.cudnn.CudnnExtension;
import io.resfuse.model.ResNetConfig;
import io.resfuse.model.ResNetVariant;
import io.resfuse.tensor.Shape;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Every layer of every variant, as the real cuDNN sees it. No device is needed. */
@ExtendWith(CudnnExtension.class)
class DescriptorsTest {
  private static final int BATCH = 3;

  private long before;

  @BeforeEach
  void count() {
    before = Dnn.liveObjects();
  }

  @AfterEach
  void nothingIsLeft() {
    assertThat(Dnn.liveObjects()).isEqualTo(before);
  }

  private static Stream<ResNetConfig> configurations() {
    return ResNetVariant.all().stream()
        .map(ResNetConfig::of)
        .flatMap(config -> Stream.of(config, config.withStrideInFirst1x1(true)));
  }

  @Test
  void isVersionNine() {
    assertThat(Dnn.version()).matches("9\\.\\d+\\.\\d+");
  }

  @ParameterizedTest
  @MethodSource("configurations")
  void layersHaveOurShapes(ResNetConfig config) {
    NetworkSpec network = config.build();
    int size = config.variant().imageSize();
    List<Shape> shapes = network.shapes(BATCH, size, size + 1);
    int convolutions = 0;
    for (Operation operation : network.operations()) {
      Shape input = shapes.get(operation.inputs().get(0).id());
      Shape output = shapes.get(operation.output().id());
      if (operation instanceof FusedConv conv) {
        convolutions++;
        for (DnnType type : DnnType.values()) {
          assertThat(shape(type, conv, input)).as("%s, %s", conv.name(), type).isEqualTo(output);
        }
        checkNorm(conv, output);
      } else if (operation instanceof MaxPool pool) {
        try (TensorDescriptor tensor = tensor(DnnType.FP16, input);
            PoolingDescriptor pooling = new PoolingDescriptor(pool.window())) {
          assertThat(pooling.outputShape(tensor)).as(pool.name()).isEqualTo(output);
        }
      }
    }
    assertThat(convolutions).isGreaterThan(15);
  }

  private static Shape shape(DnnType type, FusedConv conv, Shape input) {
    ConvolutionSpec spec =
        new ConvolutionSpec(
            conv.name(), type, conv.window(), conv.groups(), input, conv.output().channels(), true);
    try (ConvolutionDescriptors convolution = new ConvolutionDescriptors(spec);
        TensorDescriptor bias = TensorDescriptor.ofVector(spec.outputs())) {
      assertThat(bias.content()).isEqualTo("CUDNN_DATA_FLOAT (1, %d, 1, 1)", spec.outputs());
      return convolution.outputShape();
    }
  }

  /** What a batch norm keeps per channel is float32, whatever the tensors are. */
  private static void checkNorm(FusedConv conv, Shape output) {
    Operation.BatchNorm parameters = conv.batchNorm();
    Library.BatchNorm norm =
        new Library.BatchNorm(
            conv.name(),
            output.dimension(0),
            output.dimension(2),
            output.dimension(3),
            output.dimension(1),
            parameters.epsilon(),
            parameters.momentum(),
            conv.residual() != null,
            conv.relu());
    for (DnnType type : DnnType.values()) {
      try (BatchNormDescriptors descriptors = new BatchNormDescriptors(type, norm)) {
        assertThat(descriptors.channels().content())
            .as("%s, %s", conv.name(), type)
            .isEqualTo("CUDNN_DATA_FLOAT (1, %d, 1, 1)", output.dimension(1));
      }
    }
  }

  private static TensorDescriptor tensor(DnnType type, Shape shape) {
    return new TensorDescriptor(type, shape, shape.dimension(1));
  }

  @ParameterizedTest
  @EnumSource(DnnType.class)
  void tensorCoresCanBeSwitchedOff(DnnType type) {
    Window window = new Window(3, 2, 1, 1);
    try (ConvolutionDescriptor with = new ConvolutionDescriptor(type, window, 1, true);
        ConvolutionDescriptor without = new ConvolutionDescriptor(type, window, 1, false)) {
      assertThat(without.mathType()).isEqualTo("CUDNN_FMA_MATH");
      assertThat(with.mathType())
          .isEqualTo(
              switch (type) {
                case FP32 -> "CUDNN_FMA_MATH";
                case TF32 -> "CUDNN_DEFAULT_MATH";
                case BF16, FP16 -> "CUDNN_TENSOR_OP_MATH";
              });
    }
  }

  @Test
  void whatDoesNotFitIsOneLine() {
    try (TensorDescriptor tensor = tensor(DnnType.FP16, Shape.of(1, 16, 8, 8));
        FilterDescriptor weights = new FilterDescriptor(DnnType.FP16, 8, 24, 3);
        ConvolutionDescriptor convolution =
            new ConvolutionDescriptor(DnnType.FP16, new Window(3, 1, 1, 1), 1, true)) {
      assertThatThrownBy(() -> convolution.outputShape(tensor, weights))
          .isInstanceOf(EngineException.class)
          .hasMessageMatching(
              "CUDNN_STATUS_BAD_PARAM.* while asking for the shape of a convolution's result");
    }
    assertThatThrownBy(() -> new FilterDescriptor(DnnType.FP16, -1, 24, 3))
        .isInstanceOf(EngineException.class)
        .hasMessageContaining("describing weights");
  }

  @Test
  void aClosedDescriptorIsOfNoUse() {
    TensorDescriptor tensor = tensor(DnnType.FP32, Shape.of(1, 16, 8, 8));
    tensor.close();
    tensor.close();
    try (PoolingDescriptor pooling = new PoolingDescriptor(new Window(3, 2, 1, 1));
        ActivationDescriptor relu = new ActivationDescriptor(true)) {
      assertThat(relu.handle()).isNotNull();
      assertThatThrownBy(() -> pooling.outputShape(tensor))
          .isInstanceOf(IllegalStateException.class);
    }
  }
}
