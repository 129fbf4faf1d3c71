package io.resfuse.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.resfuse.engine.NetworkBuilder.Conv;
import io.resfuse.engine.Operation.Window;
import io.resfuse.engine.reference.ReferenceEngine;
import io.resfuse.engine.reference.ReferenceTrainingPlan;
import io.resfuse.tensor.Shape;
import io.resfuse.tensor.TensorLayout;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** Resizes, concatenations and losses of pixels: by hand, refused, and in shards. */
class MapsTest {
  private static TrainingOptions options(int batch, int height, int width, String... outputs) {
    return new TrainingOptions(
        batch,
        height,
        width,
        TensorLayout.NCHW,
        Precision.FP64,
        Set.of(outputs),
        Set.of(),
        true,
        new Optimizer.Sgd(0, false, 0, Map.of()));
  }

  @Test
  void bilinearByHand() {
    NetworkBuilder builder = new NetworkBuilder("row", 1);
    Value halved = builder.averagePool("pool", builder.input(), 2);
    builder.output("half", halved);
    builder.output("out", builder.bilinearResize("resize", halved, builder.input()));
    NetworkSpec network = builder.build();
    try (ReferenceEngine engine = new ReferenceEngine(EngineOptions.defaults());
        ReferenceTrainingPlan plan =
            engine.planTraining(network, Parameters.zeros(network), options(1, 1, 4, "out"))) {
      plan.input().put(0, new float[] {0, 0, 8, 8});
      plan.forward();
      // The means 0 and 8 have their centres at 1 and 3, the pixels theirs at 0.5, 1.5, 2.5, 3.5.
      assertThat(plan.exactOutput("out")).containsExactly(0, 2, 6, 8);
      plan.outputGradient("out").put(0, new float[] {1, 4, 16, 64});
      plan.backward(false);
      // 1 + 3/4 4 + 1/4 16 = 8 and 1/4 4 + 3/4 16 + 64 = 77, halved by the mean of two.
      assertThat(plan.exactInputGradient()).containsExactly(4, 4, 38.5, 38.5);
    }
  }

  @Test
  void concatenationByHand() {
    NetworkBuilder builder = new NetworkBuilder("concat", 1);
    Value largest = builder.maxPool("pool", builder.input(), new Window(3, 1, 1, 1));
    builder.output("out", builder.concat("concat", List.of(largest, builder.input())));
    NetworkSpec network = builder.build();
    assertThat(network.shapes(2, 1, 2).get(2)).isEqualTo(Shape.of(2, 2, 1, 2));
    try (ReferenceEngine engine = new ReferenceEngine(EngineOptions.defaults());
        ReferenceTrainingPlan plan =
            engine.planTraining(network, Parameters.zeros(network), options(2, 1, 2, "out"))) {
      plan.input().put(0, new float[] {1, 2, 5, 3});
      plan.forward();
      assertThat(plan.exactOutput("out")).containsExactly(2, 2, 1, 2, 5, 5, 5, 3);
      plan.outputGradient("out").put(0, new float[] {1, 2, 10, 20, 4, 8, 30, 40});
      plan.backward(false);
      assertThat(plan.exactInputGradient()).containsExactly(10, 23, 42, 40);
    }
  }

  @Test
  void wrongMapsAreRefused() {
    NetworkBuilder builder = new NetworkBuilder("wrong", 2);
    Value image = builder.input();
    Value pooled = builder.averagePool("pool", image, 2);
    Value flat = builder.globalAveragePool("mean", image);
    assertThatThrownBy(() -> builder.bilinearResize("resize", image, pooled))
        .hasMessage(
            "resize: the size must be that of the network's image or of a value that leads to"
                + " input, got pool");
    assertThatThrownBy(() -> builder.bilinearResize("resize", flat, image))
        .hasMessage("resize: only images can be resized, and to images");
    for (List<Value> values :
        List.of(List.of(image), List.of(image, image), List.of(image, flat))) {
      assertThatThrownBy(() -> builder.concat("concat", values))
          .hasMessageStartingWith("concat: at least two different images can be concatenated, got");
    }
    builder.output("out", builder.concat("concat", List.of(image, pooled)));
    NetworkSpec network = builder.build();
    assertThatThrownBy(() -> network.shapes(1, 4, 6))
        .hasMessage(
            "wrong cannot take images of 4x6: at concat, images to be concatenated must be of one"
                + " size, got "
                + Shape.of(1, 2, 4, 6)
                + " and "
                + Shape.of(1, 2, 2, 3));
  }

  /** Shards whose counts of labels differ give the loss and the gradients of the whole batch. */
  @Test
  void shardsCountTheirPixels() {
    NetworkBuilder builder = new NetworkBuilder("shards", 3);
    for (String output : List.of("logits", "aux")) {
      Conv conv = new Conv(output, 4, new Window(3, 1, 1, 1), 1, true, null);
      builder.output(output, builder.fusedConv(builder.input(), conv, null, false));
    }
    NetworkSpec network = builder.build();
    Parameters parameters = TestData.parameters(network);
    TrainingOptions options = options(2, 4, 5, "logits", "aux");
    int[] labels = TestData.labels("shards", 40, 4);
    Arrays.fill(labels, 3, 15, -1);
    try (ReferenceEngine engine = new ReferenceEngine(EngineOptions.defaults());
        TrainingPlan whole = engine.planTraining(network, parameters, options);
        TrainingPlan shards = engine.planTraining(network, parameters, options, 2)) {
      for (TrainingPlan plan : List.of(whole, shards)) {
        TestData.put(TestData.images("shards", plan.input().capacity()), plan.input());
        plan.forward();
      }
      for (String output : options.outputs()) {
        assertThat(shards.softmaxCrossEntropy(output, labels, 0.1, 0.5))
            .isCloseTo(whole.softmaxCrossEntropy(output, labels, 0.1, 0.5), within(1e-6));
      }
      whole.backward(false);
      shards.backward(false);
      for (int i = 0; i < whole.inputGradient().capacity(); i++) {
        assertThat(shards.inputGradient().get(i))
            .isCloseTo(whole.inputGradient().get(i), within(1e-6f));
      }
      assertThat(shards.gradientNorm()).isCloseTo(whole.gradientNorm(), within(1e-5));
    }
  }
}
