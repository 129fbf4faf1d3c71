package io.resfuse.batch;

import static org.assertj.core.api.Assertions.assertThat;

import io.resfuse.data.image.Image;
import io.resfuse.data.image.Preprocessing;
import io.resfuse.engine.Engine;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.Engines;
import io.resfuse.engine.InferencePlan;
import io.resfuse.engine.LoadedNetwork;
import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.PlanRequest;
import io.resfuse.engine.Precision;
import io.resfuse.engine.TestData;
import io.resfuse.model.ResNetConfig;
import io.resfuse.model.ResNetVariant;
import io.resfuse.tensor.HostTensor;
import io.resfuse.tensor.Shape;
import io.resfuse.tensor.TensorLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;

/** A real engine behind a batcher: a batch-invariant one gives the bits of plans of one image. */
class EnginesInBatchesTest {
  private static final int SIZE = 16;
  private static final int IMAGES = 60;

  @Test
  void answersHaveTheBitsOfDirectRuns() {
    NetworkSpec network = ResNetConfig.of(ResNetVariant.cifar(8, true)).build();
    PlanRequest request = PlanRequest.logits(1, SIZE);
    Preprocessing preprocessing = Preprocessing.of("torchvision").withSize(SIZE, SIZE);
    EngineOptions options = new EngineOptions(2, "").withBatchInvariant(true);
    try (Engine engine = Engines.open("onednn", options);
        LoadedNetwork loaded = engine.load(network, TestData.parameters(network), Precision.FP32);
        InferencePlan direct = loaded.plan(request);
        Batcher batcher =
            new Batcher(
                List.of(new BatchTarget(loaded, 1)),
                request,
                preprocessing,
                BatchOptions.defaults().withPreferredBatchSizes(List.of(1, 3, 8)))) {
      List<CompletableFuture<Map<String, HostTensor>>> answers = new ArrayList<>();
      List<float[]> expected = new ArrayList<>();
      for (int i = 0; i < IMAGES; i++) {
        if (i % 2 == 0) {
          float[] image = TestData.images("image " + i, 3 * SIZE * SIZE);
          direct.input().put(0, image);
          answers.add(batcher.submit(HostTensor.of(Shape.of(3, SIZE, SIZE), image)));
        } else {
          Image picture = picture(i);
          preprocessing.newPreprocessor().write(picture, direct.input(), 0, TensorLayout.NCHW);
          answers.add(batcher.submit(picture, RequestOptions.DEFAULT));
        }
        direct.run();
        float[] logits = new float[10];
        direct.output("logits").get(0, logits);
        expected.add(logits);
      }
      for (int i = 0; i < IMAGES; i++) {
        assertThat(answers.get(i).join().get("logits").toArray())
            .as("image %d", i)
            .containsExactly(expected.get(i));
      }
    }
  }

  private static Image picture(int seed) {
    byte[] pixels = new byte[3 * 20 * 24];
    new java.util.Random(seed).nextBytes(pixels);
    return Image.rgb(20, 24, pixels);
  }
}
