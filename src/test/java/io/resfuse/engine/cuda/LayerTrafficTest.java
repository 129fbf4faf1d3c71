package io.resfuse.engine.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.resfuse.engine.Optimizer;
import io.resfuse.engine.Precision;
import io.resfuse.engine.TrainingOptions;
import io.resfuse.engine.cuda.KernelReport.Row;
import io.resfuse.model.ResNetConfig;
import io.resfuse.tensor.TensorLayout;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/**
 * What the first stage of ResNet-50 moves in training, batch 256 in fp16, by the engine's own plan
 * for an A100: softcuda runs a few blocks of each launch.
 */
@ExtendWith(SoftCudaExtension.class)
class LayerTrafficTest {
  private static List<Row> rows;

  @BeforeAll
  static void count() {
    rows =
        KernelReport.count(
            ResNetConfig.of("resnet50").build().restrictedTo(Set.of("c2")),
            new TrainingOptions(
                256,
                224,
                224,
                TensorLayout.NCHW,
                Precision.FP16,
                Set.of("c2"),
                Set.of(),
                false,
                Optimizer.Sgd.standard()),
            true,
            4);
  }

  private static Row row(String pass, String label) {
    return rows.stream()
        .filter(row -> row.pass().equals(pass) && row.label().equals(label))
        .findFirst()
        .orElseThrow(() -> new AssertionError("no launch '" + label + "'"));
  }

  /** Each sector once for every block that touches it, extrapolated to all blocks. */
  private static double movedMegabytes(Row row) {
    try {
      JsonNode counters = new ObjectMapper().readTree(row.counters());
      long sectors =
          counters.get("blockLoadSectors").asLong() + counters.get("blockStoreSectors").asLong();
      double scale = counters.get("blocks").asDouble() / counters.get("blocksRun").asDouble();
      return 32e-6 * scale * sectors;
    } catch (JsonProcessingException e) {
      throw new AssertionError(e);
    }
  }

  /**
   * The forward pass of an identity bottleneck, all tensors of each launch once, as an ideal cache
   * has them: convolutions with statistics, their merging, and the pass that adds the shortcut.
   */
  @Test
  void identityBottleneckMovesFewBytesForward() {
    List<Row> launches =
        rows.stream()
            .filter(row -> row.pass().equals("forward") && row.label().startsWith("layer1.1."))
            .toList();
    assertThat(launches.stream().map(Row::label))
        .contains(
            "layer1.1.conv1 forward",
            "layer1.1.conv2 forward",
            "layer1.1.conv3 forward",
            "layer1.1.conv3 merge of statistics",
            "layer1.1.conv3 statistics",
            "layer1.1.conv3 batch norm");
    double megabytes = 0;
    for (Row row : launches) {
      // What is counted is what a launch touches: no more than its tensors is asked of memory.
      assertThat(movedMegabytes(row)).isGreaterThanOrEqualTo(0.98 * row.tensorBytes() / 1e6);
      megabytes += row.tensorBytes() / 1e6;
    }
    System.out.printf("identity bottleneck of layer1 forward: %.0f MB%n", megabytes);
    // With the mask of the block's result, a bit for each of its elements, for the way back.
    assertThat(megabytes).isBetween(2500.0, 2525.0);
  }

  /** 64 outputs of 9 taps of 64 channels: each row of tiles reads all pixels again. */
  @Test
  void gradientsOfFewOutputsReadPixelsSeldom() {
    Row row = row("backward", "layer1.1.conv2 gradient of the weights");
    System.out.printf("%s, %s: %.0f MB%n", row.label(), row.kernel(), movedMegabytes(row));
    assertThat(row.kernel()).isEqualTo("wgrad_f16_64x128_norm");
    assertThat(movedMegabytes(row)).isBetween(206.0, 1050.0);
  }

  /**
   * In int8: bytes between all convolutions, whole sectors, and shared memory without conflicts.
   */
  @Test
  void integersMoveBytes() throws JsonProcessingException {
    List<Row> launches =
        KernelReport.count(
            ResNetConfig.of("resnet50").build(),
            new TrainingOptions(
                8,
                224,
                224,
                TensorLayout.NCHW,
                Precision.INT8,
                Set.of("logits"),
                Set.of(),
                false,
                Optimizer.Sgd.standard()),
            false,
            2);
    assertThat(launches.stream().filter(row -> row.kernel().startsWith("conv_u8_"))).hasSize(53);
    assertThat(launches.stream().filter(row -> row.kernel().equals("decode_u8"))).hasSize(1);
    for (Row row : launches) {
      JsonNode counters = new ObjectMapper().readTree(row.counters());
      for (String kind : List.of("sharedLoadWavefronts", "sharedStoreWavefronts")) {
        assertThat(counters.get(kind).asLong())
            .as("%s of %s", kind, row.label())
            .isEqualTo(counters.get(kind + "Least").asLong());
      }
    }
    double megabytes = launches.stream().mapToLong(Row::tensorBytes).sum() / 1e6;
    System.out.printf("ResNet-50 in int8, 8 images: %.0f MB%n", megabytes);
    assertThat(megabytes).isBetween(225.0, 245.0);
    assertThatThrownBy(() -> KernelReport.requirePrecision(Precision.INT8, true))
        .hasMessageContaining("inference only");
  }
}
