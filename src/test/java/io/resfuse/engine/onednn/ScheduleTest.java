package io.resfuse.engine.onednn;

import static org.assertj.core.api.Assertions.assertThat;

import io.resfuse.engine.ConvolutionAlgorithm;
import io.resfuse.engine.Engine;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.Engines;
import io.resfuse.engine.LoadedNetwork;
import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.Parameters;
import io.resfuse.engine.PlanRequest;
import io.resfuse.engine.Precision;
import io.resfuse.engine.TestData;
import io.resfuse.engine.onednn.Schedule.Segment;
import io.resfuse.model.ResNetConfig;
import io.resfuse.platform.CpuCaches;
import io.resfuse.platform.Settings;
import io.resfuse.tensor.TensorLayout;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** How batches are cut: parts, which decide bits, by sizes alone; slices by the caches. */
class ScheduleTest {
  private static final int BATCH = 30;
  private static final NetworkSpec NETWORK = ResNetConfig.of("resnet50").build();
  private static final NetworkSpec SMALL = ResNetConfig.of("resnet50").withClasses(10).build();
  private static final Parameters PARAMETERS = TestData.parameters(SMALL);

  private static List<Segment> segments(long third, int threads, boolean batchInvariant) {
    FastConvolutions fast =
        new FastConvolutions(
            ConvolutionAlgorithm.AUTO,
            threads,
            batchInvariant,
            new CpuCaches(32 << 10, 1 << 20, third));
    return Schedule.of(NETWORK, NETWORK.shapes(BATCH, 224, 224), BATCH, Float.BYTES, 1, fast)
        .segments();
  }

  /** The parts of ResNet-50, by 2 bytes of activations for each of weights, a power of two. */
  @Test
  void partsFollowFromSizes() {
    List<Integer> parts = segments(0, 2, false).stream().map(Segment::part).toList();
    assertThat(parts).startsWith(1, 2, 4).contains(BATCH);
    for (long third : new long[] {4 << 20, 64 << 20, 1L << 40}) {
      List<Segment> other = segments(third, 2, false);
      assertThat(other).extracting(Segment::part).isEqualTo(parts);
      assertThat(other).extracting(Segment::first).startsWith(0).isSorted();
    }
    assertThat(segments(0, 2, true)).extracting(Segment::part).containsOnly(1);
  }

  /** A quarter of 2 * 32 MiB has room for 16 MiB: two images of the 6.9 MiB of the first blocks. */
  @Test
  void slicesFillAQuarterOfTheLastCaches() {
    assertThat(segments(0, 2, false)).allMatch(s -> s.slice() == s.part());
    assertThat(segments(32 << 20, 2, false).get(0).slice()).isEqualTo(2);
    assertThat(segments(64 << 20, 2, false).get(0).slice()).isEqualTo(4);
    assertThat(segments(64 << 20, 1, false).get(0).slice()).isEqualTo(2);
    assertThat(segments(1L << 40, 2, false)).allMatch(s -> s.slice() == BATCH);
  }

  @Test
  void slicesArePartsButForTheLast() {
    for (long third : new long[] {0, 16 << 20, 64 << 20, 256 << 20}) {
      assertThat(segments(third, 2, false))
          .allMatch(s -> s.slice() % s.part() == 0 || s.slice() == BATCH);
    }
  }

  /** Of the first segment's seven images one, two, four and all run at a time. */
  @Test
  void noBitDependsOnTheCaches() {
    for (ConvolutionAlgorithm algorithm :
        List.of(ConvolutionAlgorithm.AUTO, ConvolutionAlgorithm.DIRECT)) {
      float[] none = logits(algorithm, false, "32K,1K");
      assertThat(logits(algorithm, false, "32K,1M,2500K")).isEqualTo(none);
      assertThat(logits(algorithm, false, "32K,1M,5M")).isEqualTo(none);
      assertThat(logits(algorithm, false, "32K,1M,4G")).isEqualTo(none);
    }
    assertThat(logits(ConvolutionAlgorithm.AUTO, true, "32K,1M,4G"))
        .isEqualTo(logits(ConvolutionAlgorithm.AUTO, true, "32K,1K"));
  }

  private static float[] logits(
      ConvolutionAlgorithm algorithm, boolean batchInvariant, String caches) {
    EngineOptions options =
        new EngineOptions(2, "").withConvolutions(algorithm).withBatchInvariant(batchInvariant);
    System.setProperty(Settings.CPU_CACHES.key(), caches);
    try (Engine engine = Engines.open("onednn", options);
        LoadedNetwork loaded = engine.load(SMALL, PARAMETERS, Precision.FP32);
        var plan = loaded.plan(new PlanRequest(7, 64, 64, TensorLayout.NHWC, Set.of("logits")))) {
      for (int i = 0; i < plan.input().capacity(); i++) {
        plan.input().put(i, (float) Math.sin(i));
      }
      plan.run();
      float[] values = new float[plan.output("logits").capacity()];
      plan.output("logits").get(0, values);
      return values;
    } finally {
      System.clearProperty(Settings.CPU_CACHES.key());
    }
  }
}
