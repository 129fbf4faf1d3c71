package io.resfuse.engine.cudnn.internal.dnn;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.resfuse.engine.EngineException;
import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.Operation;
import io.resfuse.engine.Operation.FusedConv;
import io.resfuse.engine.cudnn.CudnnExtension;
import io.resfuse.model.ResNetConfig;
import io.resfuse.tensor.Shape;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/**
 * Plans for a GPU that is not here, by a description that {@code resfuse devices --describe} has
 * written where it is: {@code mvn -Pcudnn test -Dresfuse.cudnn.device=FILE}, with a cuDNN that is
 * new enough.
 */
@ExtendWith(CudnnExtension.class)
class DeviceDescriptionTest {
  private static final String FILE_PROPERTY = "resfuse.cudnn.device";

  private static String description() throws IOException {
    DeviceDescription.whyNot().ifPresent(reason -> assumeTrue(false, reason));
    String file = System.getProperty(FILE_PROPERTY, "");
    assumeTrue(
        !file.isEmpty(),
        "no description of a GPU: -D" + FILE_PROPERTY + "=FILE names one, of a kit's report");
    return Files.readString(Path.of(file));
  }

  @Test
  void anOldLibraryRefusesADescription() {
    assumeTrue(DeviceDescription.whyNot().isPresent(), "this cuDNN is new enough");
    long before = Dnn.liveObjects();
    assertThatThrownBy(() -> DeviceDescription.read("{}"))
        .isInstanceOf(EngineException.class)
        .hasMessageContaining("CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR");
    assertThat(Dnn.liveObjects()).isEqualTo(before);
  }

  /** In fp16, with batch norm and ReLU: every layer that cuDNN's fusions of inference take. */
  @Test
  void fusedConvolutionsOfResNet50HavePlans() throws IOException {
    String description = description();
    NetworkSpec network = ResNetConfig.of("resnet50").build();
    List<Shape> shapes = network.shapes(32, 224, 224);
    List<String> refused = new ArrayList<>();
    long before = Dnn.liveObjects();
    try (BackendDescriptor device = DeviceDescription.read(description)) {
      for (Operation operation : network.operations()) {
        if (operation instanceof FusedConv conv) {
          ConvolutionSpec spec =
              new ConvolutionSpec(
                  conv.name(),
                  DnnType.FP16,
                  conv.window(),
                  conv.groups(),
                  shapes.get(conv.input().id()),
                  conv.output().channels(),
                  true);
          try (FusedConvolutionGraph graph =
              new FusedConvolutionGraph(
                  new FusedConvolutionGraph.Spec(spec, conv.residual() != null, conv.relu()))) {
            assertThat(graph.graph().plans(device, conv.name())).isNotEmpty();
          } catch (EngineException e) {
            refused.add(conv.name() + ": " + e.getMessage());
          }
        }
      }
    }
    assertThat(refused).isEmpty();
    assertThat(Dnn.liveObjects()).isEqualTo(before);
  }
}
