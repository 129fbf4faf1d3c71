package io.resfuse.batch;

import io.resfuse.data.image.ImageDecoder;
import java.time.Duration;
import java.util.List;
import java.util.function.Consumer;

/**
 * How a {@link Batcher} forms batches.
 *
 * @param preferredBatchSizes images per batch for which plans are made; sorted, without repetition.
 *     As soon as the largest is full, it runs. Fewer images run in the size that gives most images
 *     per second, by times that are taken when the batcher is made; places that are left over are
 *     computed and thrown away
 * @param maxQueueDelay how long a request waits for others while a device is free; 0 for not at all
 * @param queueSize how many requests may wait; more are rejected. At least the largest batch
 * @param priorities how many levels there are
 * @param deadlinePolicy what becomes of requests whose deadline passes
 * @param keepsOrder whether answers and failures come in the order of submission: each waits for
 *     those of all earlier requests. Rejections and cancellations do not wait
 * @param decoders threads that decode and resize pictures; 0 for as many as there are CPUs
 * @param maxPixels of a picture that is submitted as the contents of its file; more are refused
 *     before anything is allocated for them
 * @param listener told what the batcher does; {@link BatchListener#NONE} for nobody
 */
public record BatchOptions(
    List<Integer> preferredBatchSizes,
    Duration maxQueueDelay,
    int queueSize,
    int priorities,
    DeadlinePolicy deadlinePolicy,
    boolean keepsOrder,
    int decoders,
    long maxPixels,
    BatchListener listener) {
  /**
   * Checks the ranges, sorts the sizes.
   *
   * @param preferredBatchSizes as in the record
   * @param maxQueueDelay as in the record
   * @param queueSize as in the record
   * @param priorities as in the record
   * @param deadlinePolicy as in the record
   * @param keepsOrder as in the record
   * @param decoders as in the record
   * @param maxPixels as in the record
   * @param listener as in the record
   */
  public BatchOptions {
    preferredBatchSizes = preferredBatchSizes.stream().sorted().distinct().toList();
    if (preferredBatchSizes.isEmpty() || preferredBatchSizes.get(0) < 1) {
      throw new IllegalArgumentException(
          "preferred batch sizes are one or more numbers from 1, got " + preferredBatchSizes);
    }
    int largest = preferredBatchSizes.get(preferredBatchSizes.size() - 1);
    if (queueSize < largest) {
      throw new IllegalArgumentException(
          "the queue must hold the largest batch, " + largest + ", got a size of " + queueSize);
    }
    if (maxQueueDelay.isNegative()) {
      throw new IllegalArgumentException("a queue delay is 0 or more, got " + maxQueueDelay);
    }
    if (priorities < 1) {
      throw new IllegalArgumentException("at least one priority is needed, got " + priorities);
    }
    if (decoders < 0) {
      throw new IllegalArgumentException("decoders must be 0 (all CPUs) or more, got " + decoders);
    }
    if (maxPixels < 1) {
      throw new IllegalArgumentException("a picture has at least one pixel, got " + maxPixels);
    }
  }

  /**
   * Batches of 1, 4 and 16, a delay of 5 ms, a queue of 1024, one priority, pictures of up to 200
   * million pixels; late requests are rejected, order is not kept.
   *
   * @return the defaults
   */
  public static BatchOptions defaults() {
    return new BatchOptions(
        List.of(1, 4, 16),
        Duration.ofMillis(5),
        1024,
        1,
        DeadlinePolicy.REJECT,
        false,
        0,
        ImageDecoder.DEFAULT_MAX_PIXELS,
        BatchListener.NONE);
  }

  /**
   * The same with other sizes.
   *
   * @param sizes as in the record
   * @return new options
   */
  public BatchOptions withPreferredBatchSizes(List<Integer> sizes) {
    return with(fields -> fields.preferredBatchSizes = sizes);
  }

  /**
   * The same with another delay.
   *
   * @param delay as in the record
   * @return new options
   */
  public BatchOptions withMaxQueueDelay(Duration delay) {
    return with(fields -> fields.maxQueueDelay = delay);
  }

  /**
   * The same with a queue of another size.
   *
   * @param size as in the record
   * @return new options
   */
  public BatchOptions withQueueSize(int size) {
    return with(fields -> fields.queueSize = size);
  }

  /**
   * The same with more or fewer priorities.
   *
   * @param levels as in the record
   * @return new options
   */
  public BatchOptions withPriorities(int levels) {
    return with(fields -> fields.priorities = levels);
  }

  /**
   * The same with another policy.
   *
   * @param policy as in the record
   * @return new options
   */
  public BatchOptions withDeadlinePolicy(DeadlinePolicy policy) {
    return with(fields -> fields.deadlinePolicy = policy);
  }

  /**
   * The same in order, or not.
   *
   * @param inOrder as in the record
   * @return new options
   */
  public BatchOptions withOrder(boolean inOrder) {
    return with(fields -> fields.keepsOrder = inOrder);
  }

  /**
   * The same with more or fewer threads that decode.
   *
   * @param threads as in the record
   * @return new options
   */
  public BatchOptions withDecoders(int threads) {
    return with(fields -> fields.decoders = threads);
  }

  /**
   * The same with another limit on pictures.
   *
   * @param most as in the record
   * @return new options
   */
  public BatchOptions withMaxPixels(long most) {
    return with(fields -> fields.maxPixels = most);
  }

  /**
   * The same with a listener.
   *
   * @param told as in the record
   * @return new options
   */
  public BatchOptions withListener(BatchListener told) {
    return with(fields -> fields.listener = told);
  }

  private BatchOptions with(Consumer<Fields> change) {
    Fields fields = new Fields(this);
    change.accept(fields);
    return new BatchOptions(
        fields.preferredBatchSizes,
        fields.maxQueueDelay,
        fields.queueSize,
        fields.priorities,
        fields.deadlinePolicy,
        fields.keepsOrder,
        fields.decoders,
        fields.maxPixels,
        fields.listener);
  }

  /** The same as they are, to be changed. */
  private static final class Fields {
    List<Integer> preferredBatchSizes;
    Duration maxQueueDelay;
    int queueSize;
    int priorities;
    DeadlinePolicy deadlinePolicy;
    boolean keepsOrder;
    int decoders;
    long maxPixels;
    BatchListener listener;

    Fields(BatchOptions of) {
      preferredBatchSizes = of.preferredBatchSizes;
      maxQueueDelay = of.maxQueueDelay;
      queueSize = of.queueSize;
      priorities = of.priorities;
      deadlinePolicy = of.deadlinePolicy;
      keepsOrder = of.keepsOrder;
      decoders = of.decoders;
      maxPixels = of.maxPixels;
      listener = of.listener;
    }
  }

  /** The most images of a batch. */
  int largest() {
    return preferredBatchSizes.get(preferredBatchSizes.size() - 1);
  }
}
