package io.resfuse.data.loader;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.resfuse.data.DataException;
import io.resfuse.data.SyntheticImages;
import io.resfuse.data.augment.Augmentation;
import io.resfuse.data.augment.ColorJitter;
import io.resfuse.data.augment.HorizontalFlip;
import io.resfuse.data.augment.Mixing;
import io.resfuse.data.augment.PaddedCrop;
import io.resfuse.data.augment.RandomResizedCrop;
import io.resfuse.data.dataset.Dataset;
import io.resfuse.data.image.Image;
import io.resfuse.data.image.ImageException;
import io.resfuse.data.image.Normalization;
import io.resfuse.data.image.Preprocessing;
import io.resfuse.tensor.TensorLayout;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(60)
class LoaderTest {
  private static final Preprocessing GREY = Preprocessing.of("fashion-mnist").withSize(12, 12);
  private static final Augmentation[] AUGMENTATIONS = {
    new PaddedCrop(2), new HorizontalFlip(0.5), new ColorJitter(0.2, 0.2, 0, 0)
  };

  /** Patterns whose size says their number; some cannot be read. */
  private record Patterns(int size, int channels, Set<Integer> unreadable) implements Dataset {
    @Override
    public String name() {
      return "patterns";
    }

    @Override
    public List<String> classes() {
      return List.of("a", "b", "c");
    }

    @Override
    public int label(int index) {
      return index % 3;
    }

    @Override
    public Image image(int index) {
      if (unreadable.contains(index)) {
        throw new ImageException(describe(index) + ": damaged");
      }
      byte[] pixels = SyntheticImages.pattern(12, 12, channels).pixels();
      pixels[0] = (byte) index;
      return channels == 3 ? Image.rgb(12, 12, pixels) : Image.grey(12, 12, pixels);
    }
  }

  private static Patterns patterns(int size, Integer... unreadable) {
    return new Patterns(size, 1, Set.of(unreadable));
  }

  private static float[] copy(FloatBuffer buffer) {
    float[] values = new float[buffer.capacity()];
    buffer.get(0, values);
    return values;
  }

  private static List<float[]> run(Loader loader, int epoch, int firstBatch) {
    List<float[]> all = new ArrayList<>();
    try (LoaderEpoch batches = loader.epoch(epoch, firstBatch)) {
      while (batches.hasNext()) {
        Batch batch = batches.next();
        all.add(copy(batch.images()));
        if (batch.targets() != null) {
          all.add(copy(batch.targets()));
        }
      }
    }
    return all;
  }

  private static Loader training(int threads, int prefetch, Mixing mixing) {
    return training(threads, prefetch, mixing, 0, 1);
  }

  private static Loader training(int threads, int prefetch, Mixing mixing, int part, int parts) {
    return Loader.forTraining(patterns(103, 5, 50, 51), GREY, 8)
        .augmentations(AUGMENTATIONS)
        .mixing(mixing, 0.1)
        .seed(9)
        .threads(threads)
        .prefetch(prefetch)
        .part(part, parts)
        .build();
  }

  /** Mixed pictures have partners in other parts. An unreadable one counts for one part only. */
  @Test
  void partsAreThoseOfTheWholeBatch() {
    for (Mixing mixing : List.of(Mixing.NONE, new Mixing(0.2, 1))) {
      List<float[]> whole = run(training(2, 3, mixing), 4, 3);
      for (int parts : new int[] {2, 4}) {
        long unreadable = 0;
        for (int part = 0; part < parts; part++) {
          Loader loader = training(2, 3, mixing, part, parts);
          List<float[]> own = run(loader, 4, 3);
          assertThat(own).hasSameSizeAs(whole);
          for (int i = 0; i < own.size(); i++) {
            int length = whole.get(i).length / parts;
            assertThat(own.get(i))
                .isEqualTo(Arrays.copyOfRange(whole.get(i), part * length, (part + 1) * length));
          }
          unreadable += unreadable(loader);
        }
        assertThat(unreadable).isEqualTo(unreadable(training(1, 2, mixing))).isPositive();
      }
    }
    assertThatThrownBy(() -> training(1, 2, Mixing.NONE, 0, 3))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("part 0 of 3 of a batch of 8");
  }

  private static long unreadable(Loader loader) {
    LoaderEpoch batches = loader.epoch(4);
    try (batches) {
      while (batches.hasNext()) {
        batches.next();
      }
    }
    return batches.statistics().unreadable();
  }

  @Test
  void theSameBitsWhateverTheThreads() {
    for (Mixing mixing : List.of(Mixing.NONE, new Mixing(0.2, 1))) {
      List<float[]> expected = run(training(1, 2, mixing), 4, 0);
      assertThat(expected).hasSize(mixing.active() ? 24 : 12);
      for (int threads : new int[] {2, 5}) {
        for (int prefetch : new int[] {2, 3, 40}) {
          assertThat(run(training(threads, prefetch, mixing), 4, 0))
              .usingRecursiveComparison()
              .isEqualTo(expected);
        }
      }
      assertThat(run(training(2, 3, mixing), 5, 0).get(0)).isNotEqualTo(expected.get(0));
    }
  }

  @Test
  void anEpochResumesAnywhere() {
    Loader loader = training(2, 3, Mixing.NONE);
    List<float[]> whole = run(loader, 2, 0);
    for (int first : new int[] {1, 7, 11, 12}) {
      assertThat(run(loader, 2, first))
          .usingRecursiveComparison()
          .isEqualTo(whole.subList(first, 12));
    }
  }

  @Test
  void trainingShufflesAndReplacesTheUnreadable() {
    Loader loader = Loader.forTraining(patterns(30, 4, 5, 6), GREY, 10).threads(2).build();
    assertThat(loader.batchesPerEpoch()).isEqualTo(3);
    List<Integer> seen = new ArrayList<>();
    try (LoaderEpoch epoch = loader.epoch(0)) {
      while (epoch.hasNext()) {
        Batch batch = epoch.next();
        assertThat(batch.count()).isEqualTo(10);
        for (int place = 0; place < 10; place++) {
          seen.add(batch.samples()[place]);
          assertThat(batch.labels()[place]).isEqualTo(batch.samples()[place] % 3);
          int first = batch.pixels().get(place * 144) & 0xff;
          assertThat(first).isEqualTo(batch.samples()[place]);
        }
      }
      LoaderStatistics statistics = epoch.statistics();
      assertThat(statistics.pictures()).isEqualTo(30);
      assertThat(statistics.unreadable()).isGreaterThanOrEqualTo(3);
      assertThat(statistics.waitedShare()).isBetween(0.0, 1.0);
    }
    assertThat(seen).hasSize(30).doesNotContain(4, 5, 6);
    assertThat(new TreeSet<>(seen)).hasSize(27);
    assertThat(seen).isNotEqualTo(new ArrayList<>(new TreeSet<>(seen)));
  }

  @Test
  void evaluationTakesEachOnceAndMarksWhatIsMissing() {
    Loader loader =
        Loader.forEvaluation(patterns(23, 7), GREY, 10)
            .layout(TensorLayout.NHWC)
            .threads(3)
            .build();
    assertThat(loader.batchesPerEpoch()).isEqualTo(3);
    int at = 0;
    try (LoaderEpoch epoch = loader.epoch(0)) {
      while (epoch.hasNext()) {
        Batch batch = epoch.next();
        assertThat(batch.targets()).isNull();
        for (int place = 0; place < 10; place++, at++) {
          boolean there = at < 23 && at != 7;
          assertThat(batch.labels()[place]).isEqualTo(there ? at % 3 : Batch.NO_PICTURE);
          assertThat(batch.samples()[place]).isEqualTo(there ? at : Batch.NO_PICTURE);
          if (!there) {
            assertThat(batch.images().get(place * 144 + 33)).isZero();
          }
        }
        assertThat(batch.count()).isEqualTo(batch.index() == 0 ? 9 : batch.index() == 1 ? 10 : 3);
      }
      assertThatThrownBy(epoch::next).isInstanceOf(NoSuchElementException.class);
      assertThat(epoch.statistics().unreadable()).isEqualTo(1);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"torchvision", "keras-caffe", "fashion-mnist"})
  void floatsAreThePreprocessors(String preset) {
    Preprocessing preprocessing = Preprocessing.of(preset).withSize(12, 12);
    for (int channels : new int[] {1, 3}) {
      Dataset dataset = new Patterns(4, channels, Set.of());
      for (TensorLayout layout : TensorLayout.values()) {
        Loader loader = Loader.forEvaluation(dataset, preprocessing, 4).layout(layout).build();
        FloatBuffer expected = FloatBuffer.allocate(4 * preprocessing.floatsPerImage());
        for (int i = 0; i < 4; i++) {
          preprocessing.newPreprocessor().write(dataset.image(i), expected, i, layout);
        }
        assertThat(run(loader, 0, 0).get(0)).isEqualTo(expected.array());
      }
    }
  }

  @Test
  void pixelsAreTheFloatsBeforeNormalisation() {
    Preprocessing preprocessing = Preprocessing.of("keras-caffe@12:12");
    Loader loader =
        Loader.forTraining(new Patterns(20, 3, Set.of()), preprocessing, 5).seed(3).build();
    Normalization normalization = preprocessing.normalization();
    try (LoaderEpoch ofPixels = loader.pixels(1, 0);
        LoaderEpoch ofFloats = loader.epoch(1)) {
      while (ofPixels.hasNext()) {
        Batch pixels = ofPixels.next();
        Batch floats = ofFloats.next();
        assertThat(pixels.labels()).isEqualTo(floats.labels());
        for (int n = 0; n < 5; n++) {
          for (int at = 0; at < 144; at++) {
            for (int c = 0; c < 3; c++) {
              int pixel = pixels.pixels().get((n * 144 + at) * 3 + c) & 0xff;
              assertThat(floats.images().get((n * 3 + c) * 144 + at))
                  .isEqualTo(normalization.value(c, pixel));
            }
          }
        }
        assertThatThrownBy(pixels::images)
            .isInstanceOf(IllegalStateException.class)
            .hasMessageContaining("pixels()");
      }
      assertThat(ofFloats.hasNext()).isFalse();
    }
  }

  @Test
  void targetsAreSmoothedMixturesOfTheLabels() {
    Loader loader = training(1, 2, Mixing.mixup(0.4));
    try (LoaderEpoch epoch = loader.epoch(0)) {
      Batch batch = epoch.next();
      FloatBuffer targets = batch.targets();
      assertThat(targets).isNotNull();
      for (int place = 0; place < 8; place++) {
        int own = batch.labels()[place];
        int partner = batch.labels()[7 - place];
        float sum = 0;
        for (int i = 0; i < 3; i++) {
          float target = targets.get(place * 3 + i);
          sum += target;
          if (i != own && i != partner) {
            assertThat(target).isEqualTo((float) (0.1 / 3));
          }
        }
        assertThat(sum).isEqualTo(1, within(1e-6f));
        if (own == partner) {
          assertThat(targets.get(place * 3 + own))
              .isEqualTo((float) (0.9 + 0.1 / 3), within(1e-6f));
        }
      }
    }
  }

  @Test
  void anEpochClosedEarlyEndsItsThreads() {
    LoaderEpoch epoch = training(3, 4, Mixing.NONE).epoch(0);
    epoch.next();
    epoch.close();
    epoch.close();
    assertThat(Thread.getAllStackTraces().keySet())
        .noneMatch(thread -> thread.getName().startsWith("resfuse-loader"));
    assertThatThrownBy(epoch::next).isInstanceOf(NoSuchElementException.class);
  }

  @Test
  void failuresReachTheConsumer() {
    Patterns none = patterns(6, 0, 1, 2, 3, 4, 5);
    assertThatThrownBy(() -> run(Loader.forTraining(none, GREY, 2).threads(2).build(), 0, 0))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("patterns: 6 pictures in a row cannot be read, the last: patterns[");
    Loader wrongSize =
        Loader.forTraining(patterns(6), GREY, 2).augmentations(new RandomResizedCrop(5)).build();
    assertThatThrownBy(() -> run(wrongSize, 0, 0))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("the augmentations give 5 x 5 grey, the network takes 12 x 12");
    Augmentation broken =
        (image, random) -> {
          throw new IllegalStateException("broken");
        };
    Loader breaking = Loader.forTraining(patterns(6), GREY, 2).augmentations(broken).build();
    assertThatThrownBy(() -> run(breaking, 0, 0))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("broken");
    assertThatThrownBy(() -> Loader.forTraining(patterns(6), GREY, 7).build())
        .isInstanceOf(DataException.class)
        .hasMessage("patterns: 6 pictures do not fill a batch of 7; choose a smaller batch");
  }

  @Test
  void aSlowConsumerDoesNotWait() throws Exception {
    Loader loader = training(1, 3, Mixing.NONE);
    run(loader, 0, 0); // warm
    try (LoaderEpoch epoch = loader.epoch(1)) {
      while (epoch.hasNext()) {
        epoch.next();
        Thread.sleep(30);
      }
      LoaderStatistics statistics = epoch.statistics();
      assertThat(statistics.elapsedNanos()).isGreaterThan(12 * 30_000_000L);
      assertThat(statistics.waitedNanos()).isLessThan(statistics.elapsedNanos());
      assertThat(statistics).asString().contains("12 batches, 96 pictures");
    }
  }

  /** Pictures that come when they are let. */
  private record Held(Patterns patterns, CountDownLatch released) implements Dataset {
    @Override
    public String name() {
      return "held";
    }

    @Override
    public List<String> classes() {
      return patterns.classes();
    }

    @Override
    public int size() {
      return patterns.size();
    }

    @Override
    public int label(int index) {
      return patterns.label(index);
    }

    @Override
    public Image image(int index) {
      try {
        released.await();
      } catch (InterruptedException e) {
        throw new IllegalStateException(e);
      }
      return patterns.image(index);
    }
  }

  @Test
  void anInterruptedConsumerIsToldAndStaysInterrupted() throws Exception {
    CountDownLatch released = new CountDownLatch(1);
    Loader loader = Loader.forTraining(new Held(patterns(16), released), GREY, 8).build();
    ExecutorService consumer = Executors.newSingleThreadExecutor();
    Future<Boolean> flag =
        consumer.submit(
            () -> {
              try (LoaderEpoch epoch = loader.epoch(0)) {
                assertThatThrownBy(epoch::next)
                    .isInstanceOf(DataException.class)
                    .hasMessage("interrupted while waiting for data");
                released.countDown();
              }
              return Thread.currentThread().isInterrupted();
            });
    Thread.sleep(50);
    consumer.shutdownNow();
    assertThat(flag.get()).isTrue();
    assertThat(Thread.getAllStackTraces().keySet())
        .noneMatch(thread -> thread.getName().startsWith("resfuse-loader"));
  }
}
