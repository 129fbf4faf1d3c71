package io.resfuse.batch;

import io.resfuse.batch.RequestRejectedException.Reason;
import io.resfuse.data.image.Image;
import io.resfuse.data.image.Preprocessing;
import io.resfuse.engine.PlanRequest;
import io.resfuse.tensor.HostTensor;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * Runs single images of many threads in batches. {@link #submit} returns at once with the future of
 * the image's outputs: by name, shapes as {@link io.resfuse.engine.InferencePlan#outputShape} with
 * a batch of 1. Thread-safe.
 *
 * <p>A future fails, and no other with it, with an {@link IllegalArgumentException} if the image
 * does not fit the network, with {@code ImageException} if a picture cannot be read, with {@link
 * RequestRejectedException} if it is not computed, and with what the engine says if a run fails.
 * One that is cancelled, or completed by its owner in another way, leaves the queue. What depends
 * on a future without an executor of its own runs on the batcher's threads: keep it short.
 *
 * <p>What was submitted must not be changed before it is answered. Answers do not depend on the
 * other images of a batch, but their last bits may, unless the engine was opened with {@link
 * io.resfuse.engine.EngineOptions#batchInvariant}.
 */
public final class Batcher implements AutoCloseable {
  private static final Duration LONGEST_TIMEOUT = Duration.ofDays(365);

  private final BatchOptions options;
  private final Preparation preparation;
  private final RequestQueue queue;
  private final @Nullable AnswerOrder order;
  private final List<Thread> threads = new ArrayList<>();
  private final AtomicInteger lanesLeft = new AtomicInteger();

  /** With order: how many may be accepted and not answered yet. */
  private final int mostPending;

  /**
   * Makes all plans, two of each size for each device that runs one batch at a time, and runs each.
   *
   * @param targets the devices; each has the same network. One whose engine has several devices is
   *     as many: a batch runs on one of them, that has least to do
   * @param plan what plans are made for: size, layout, outputs, pixels; its batch does not count
   * @param preprocessing of pictures; null if only tensors are submitted
   * @param options how batches are formed
   * @throws io.resfuse.engine.EngineException if memory is short for the plans
   */
  public Batcher(
      List<BatchTarget> targets,
      PlanRequest plan,
      @Nullable Preprocessing preprocessing,
      BatchOptions options) {
    if (targets.isEmpty()) {
      throw new IllegalArgumentException("a batcher needs at least one target");
    }
    int channels = targets.get(0).network().network().input().channels();
    check(plan, channels, preprocessing);
    this.options = options;
    this.order = options.keepsOrder() ? new AnswerOrder() : null;
    this.preparation =
        new Preparation(plan, channels, preprocessing, threads(options), options.maxPixels());
    List<Device> devices = new ArrayList<>();
    this.queue = new RequestQueue(options, devices);
    List<LanePlans> allPlans = new ArrayList<>();
    List<Lane> lanes = new ArrayList<>();
    boolean done = false;
    try {
      for (BatchTarget target : devices(targets)) {
        List<LanePlans> ofDevice = new ArrayList<>();
        for (int i = 0; i <= target.concurrency(); i++) {
          LanePlans plans = new LanePlans();
          allPlans.add(plans);
          ofDevice.add(plans);
        }
        List<Integer> sizes = options.preferredBatchSizes();
        for (int size : sizes) {
          // Smaller ones of all lanes first: where memory is capped, large ones take what is left.
          ofDevice.forEach(plans -> plans.add(target.network(), plan.withBatch(size)));
        }
        Device device =
            new Device(target.concurrency(), new PlanSizes(sizes, ofDevice.get(0).seconds()));
        devices.add(device);
        for (LanePlans plans : ofDevice) {
          lanes.add(
              new Lane(queue, device, plans, preparation, options, this::answer, this::laneEnds));
        }
      }
      done = true;
    } finally {
      if (!done) {
        allPlans.forEach(LanePlans::close);
        preparation.close();
      }
    }
    this.mostPending = options.queueSize() + lanes.size() * options.largest();
    lanesLeft.set(lanes.size());
    ThreadFactory factory = BatchThreads.named("resfuse-batch");
    lanes.forEach(lane -> threads.add(factory.newThread(lane)));
    threads.add(BatchThreads.named("resfuse-batch-deadlines").newThread(this::rejectLate));
    threads.forEach(Thread::start);
  }

  /** One for each device, since a batch runs on one. */
  private static List<BatchTarget> devices(List<BatchTarget> targets) {
    return targets.stream()
        .flatMap(
            target ->
                target.network().onDevices().stream()
                    .map(network -> new BatchTarget(network, target.concurrency())))
        .toList();
  }

  private static int threads(BatchOptions options) {
    return options.decoders() > 0 ? options.decoders() : Runtime.getRuntime().availableProcessors();
  }

  private static void check(PlanRequest plan, int channels, @Nullable Preprocessing preprocessing) {
    if (plan.onDevice()) {
      throw new IllegalArgumentException(
          "a batcher's images come from the host, plans with input on the device were given");
    }
    if (preprocessing != null
        && (preprocessing.channels() != channels
            || preprocessing.cropHeight() != plan.height()
            || preprocessing.cropWidth() != plan.width())) {
      throw new IllegalArgumentException(
          "the plans take "
              + channels
              + " channels of "
              + plan.height()
              + "x"
              + plan.width()
              + ", preprocessing '"
              + preprocessing.name()
              + "' makes "
              + preprocessing.channels()
              + " of "
              + preprocessing.cropHeight()
              + "x"
              + preprocessing.cropWidth()
              + "; choose another one");
    }
    if (preprocessing == null && plan.scaling() != null) {
      throw new IllegalArgumentException("plans that take pixels need a preprocessing");
    }
  }

  /**
   * Submits an image that is preprocessed already, with {@link RequestOptions#DEFAULT}.
   *
   * @param image (channels, height, width), or (height, width, channels) for plans in NHWC, with or
   *     without a leading 1
   * @return its outputs, by name
   */
  public CompletableFuture<Map<String, HostTensor>> submit(HostTensor image) {
    return submit(image, RequestOptions.DEFAULT);
  }

  /**
   * Submits an image that is preprocessed already.
   *
   * @param image (channels, height, width), or (height, width, channels) for plans in NHWC, with or
   *     without a leading 1
   * @param how priority and deadline
   * @return its outputs, by name
   */
  public CompletableFuture<Map<String, HostTensor>> submit(HostTensor image, RequestOptions how) {
    return submit(new Sample.Tensor(image), how);
  }

  /**
   * Submits a picture.
   *
   * @param picture of any size
   * @param how priority and deadline
   * @return its outputs, by name
   */
  public CompletableFuture<Map<String, HostTensor>> submit(Image picture, RequestOptions how) {
    return submit(new Sample.Picture(picture), how);
  }

  /**
   * Submits the contents of a picture's file.
   *
   * @param contents a whole JPEG, PNG, GIF, BMP or WebP
   * @param how priority and deadline
   * @return its outputs, by name
   */
  public CompletableFuture<Map<String, HostTensor>> submit(byte[] contents, RequestOptions how) {
    return submit(new Sample.Encoded(contents), how);
  }

  private CompletableFuture<Map<String, HostTensor>> submit(Sample sample, RequestOptions how) {
    Duration timeout = how.timeout();
    long deadline =
        timeout == null || timeout.compareTo(LONGEST_TIMEOUT) > 0
            ? Request.NEVER
            : timeout.toNanos();
    Request request =
        new Request(sample, how.priority(), System.nanoTime(), deadline, this::isDone);
    RuntimeException refusal = refusal(request);
    if (refusal != null) {
      request.completeExceptionally(refusal);
    }
    return request;
  }

  private @Nullable RuntimeException refusal(Request request) {
    if (request.priority() >= options.priorities()) {
      return new IllegalArgumentException(
          "priorities are 0 to " + (options.priorities() - 1) + ", got " + request.priority());
    }
    String wrong = preparation.whyNot(request.sample());
    if (wrong != null) {
      return new IllegalArgumentException(wrong);
    }
    if (order != null) {
      if (order.size() >= mostPending) {
        return new RequestRejectedException(
            Reason.QUEUE_FULL, "too many answers wait for earlier ones; try again later");
      }
      order.add(request);
    }
    return queue.add(request);
  }

  /** A request is completed, by whomever. */
  private void isDone(Request request) {
    queue.remove(request);
    if (order != null) {
      order.drain();
    }
  }

  private void answer(Request request, Object outcome) {
    if (order == null) {
      AnswerOrder.finish(request, outcome);
    } else {
      order.complete(request, outcome);
    }
  }

  private void rejectLate() {
    for (List<Request> late = queue.awaitLate(); !late.isEmpty(); late = queue.awaitLate()) {
      late.forEach(Lane::rejectLate);
    }
  }

  private void laneEnds() {
    if (lanesLeft.decrementAndGet() == 0) {
      preparation.close();
    }
  }

  /**
   * How many requests wait in the queue.
   *
   * @return those that are in no batch yet
   */
  public int waiting() {
    return queue.waiting();
  }

  /**
   * Refuses further requests, has all that wait run, and frees the plans. Returns when all is
   * answered; at once, without waiting, where a dependent action of a future calls it. If the
   * calling thread is interrupted, it goes on as {@link #closeNow}, and the thread stays
   * interrupted. Idempotent.
   */
  @Override
  public void close() {
    queue.close();
    join();
  }

  /**
   * Refuses further requests and rejects all that wait; batches that were taken finish and are
   * answered. Then it frees the plans and returns. Idempotent.
   */
  public void closeNow() {
    queue.close();
    rejectWaiting();
    join();
  }

  private void rejectWaiting() {
    for (Request request : queue.drop()) {
      request.completeExceptionally(
          new RequestRejectedException(
              Reason.CLOSED, "the batcher was closed before the request could run"));
    }
  }

  private void join() {
    if (threads.contains(Thread.currentThread())) {
      return;
    }
    boolean interrupted = false;
    for (Thread thread : threads) {
      while (thread.isAlive()) {
        try {
          thread.join();
        } catch (InterruptedException e) {
          interrupted = true;
          rejectWaiting();
        }
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
