package io.resfuse.batch;

import io.resfuse.data.image.Image;
import io.resfuse.data.image.ImageDecoder;
import io.resfuse.data.image.Preprocessing;
import io.resfuse.data.image.Preprocessor;
import io.resfuse.data.image.Reduction;
import io.resfuse.engine.InferencePlan;
import io.resfuse.engine.PlanRequest;
import io.resfuse.platform.Uninterrupted;
import io.resfuse.tensor.HostTensor;
import io.resfuse.tensor.Shape;
import io.resfuse.tensor.TensorLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.jspecify.annotations.Nullable;

/** Brings images into the input of plans, pictures on threads of its own. Thread-safe. */
final class Preparation implements AutoCloseable {
  private final PlanRequest plan;
  private final Shape shape;
  private final @Nullable ExecutorService decoders;
  private final @Nullable ThreadLocal<Preprocessor> preprocessors;
  private final ImageDecoder decoder;
  private final Reduction needed;

  /**
   * For plans of one kind.
   *
   * @param plan what they are made for, whatever the batch
   * @param channels of an image
   * @param preprocessing of pictures; null if there are none
   * @param threads that decode
   * @param maxPixels of a picture that is decoded
   */
  Preparation(
      PlanRequest plan,
      int channels,
      @Nullable Preprocessing preprocessing,
      int threads,
      long maxPixels) {
    this.decoder = new ImageDecoder().withMaxPixels(maxPixels);
    this.needed = preprocessing == null ? Reduction.NONE : preprocessing.wholePictures();
    this.plan = plan;
    this.shape =
        plan.layout() == TensorLayout.NCHW
            ? Shape.of(channels, plan.height(), plan.width())
            : Shape.of(plan.height(), plan.width(), channels);
    this.preprocessors =
        preprocessing == null ? null : ThreadLocal.withInitial(preprocessing::newPreprocessor);
    this.decoders =
        preprocessing == null
            ? null
            : Executors.newFixedThreadPool(threads, BatchThreads.named("resfuse-batch-decoder"));
  }

  /** What is wrong with an image, as far as that can be seen at once; null if nothing is. */
  @Nullable String whyNot(@Nullable Sample sample) {
    if (sample instanceof Sample.Tensor floats) {
      return plan.scaling() == null
          ? whyNot(floats.tensor())
          : "the plans take pixels: submit pictures, not tensors";
    }
    return preprocessors == null
        ? "pictures need a preprocessing, which this batcher was made without: submit tensors"
        : null;
  }

  private @Nullable String whyNot(HostTensor tensor) {
    int[] got = tensor.shape().toArray();
    int extra = got.length - shape.rank();
    boolean fits = extra == 0 || (extra == 1 && got[0] == 1);
    for (int axis = 0; fits && axis < shape.rank(); axis++) {
      fits = got[axis + extra] == shape.dimension(axis);
    }
    return fits ? null : "an image has shape " + shape + " here, got " + tensor.shape();
  }

  /**
   * Writes images into a plan's input, each at its index.
   *
   * @param requests those that are done are left out
   * @param count how many there are
   * @param target a plan of at least as many images
   * @param failures takes why an image cannot be read, at its index
   */
  void write(Request[] requests, int count, InferencePlan target, @Nullable Throwable[] failures) {
    List<Runnable> pictures = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      Sample sample = requests[i].sample();
      int index = i;
      if (sample instanceof Sample.Tensor floats) {
        floats.write(target.input(), index);
      } else if (sample != null) {
        pictures.add(() -> failures[index] = writePicture(sample, target, index));
      }
    }
    if (decoders != null && !pictures.isEmpty()) {
      runAll(decoders, pictures);
    }
  }

  private static void runAll(ExecutorService threads, List<Runnable> tasks) {
    CountDownLatch left = new CountDownLatch(tasks.size());
    for (Runnable task : tasks) {
      Runnable counted =
          () -> {
            try {
              task.run();
            } finally {
              left.countDown();
            }
          };
      try {
        threads.execute(counted);
      } catch (RuntimeException | Error e) {
        // No thread is to be had: none may go on to write once this returns.
        counted.run();
      }
    }
    Uninterrupted.await(left);
  }

  private @Nullable Throwable writePicture(Sample sample, InferencePlan target, int index) {
    try {
      if (preprocessors == null) {
        throw new IllegalStateException("no preprocessing");
      }
      Preprocessor preprocessor = preprocessors.get();
      if (plan.scaling() == null) {
        preprocessor.write(image(sample), target.input(), index, plan.layout());
      } else {
        preprocessor.writePixels(image(sample), target.pixels(), index);
      }
      return null;
    } catch (RuntimeException | Error e) {
      return e;
    }
  }

  private Image image(Sample sample) {
    if (sample instanceof Sample.Encoded encoded) {
      return decoder.decode(encoded.contents(), "the picture that was submitted", needed);
    }
    if (sample instanceof Sample.Picture picture) {
      return picture.image();
    }
    throw new IllegalStateException("no picture");
  }

  /** Ends its threads, which have nothing left to do. */
  @Override
  public void close() {
    if (decoders != null) {
      decoders.shutdown();
    }
  }
}
