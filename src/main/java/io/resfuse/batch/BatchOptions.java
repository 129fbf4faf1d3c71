package io.resfuse.batch;

import java.time.Duration;
import java.util.List;

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
 */
public record BatchOptions(
    List<Integer> preferredBatchSizes,
    Duration maxQueueDelay,
    int queueSize,
    int priorities,
    DeadlinePolicy deadlinePolicy,
    boolean keepsOrder,
    int decoders) {
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
  }

  /**
   * Batches of 1, 4 and 16, a delay of 5 ms, a queue of 1024, one priority; late requests are
   * rejected, order is not kept.
   *
   * @return the defaults
   */
  public static BatchOptions defaults() {
    return new BatchOptions(
        List.of(1, 4, 16), Duration.ofMillis(5), 1024, 1, DeadlinePolicy.REJECT, false, 0);
  }

  /**
   * The same with other sizes.
   *
   * @param sizes as in the record
   * @return new options
   */
  public BatchOptions withPreferredBatchSizes(List<Integer> sizes) {
    return new BatchOptions(
        sizes, maxQueueDelay, queueSize, priorities, deadlinePolicy, keepsOrder, decoders);
  }

  /**
   * The same with another delay.
   *
   * @param delay as in the record
   * @return new options
   */
  public BatchOptions withMaxQueueDelay(Duration delay) {
    return new BatchOptions(
        preferredBatchSizes, delay, queueSize, priorities, deadlinePolicy, keepsOrder, decoders);
  }

  /**
   * The same with a queue of another size.
   *
   * @param size as in the record
   * @return new options
   */
  public BatchOptions withQueueSize(int size) {
    return new BatchOptions(
        preferredBatchSizes, maxQueueDelay, size, priorities, deadlinePolicy, keepsOrder, decoders);
  }

  /**
   * The same with more or fewer priorities.
   *
   * @param levels as in the record
   * @return new options
   */
  public BatchOptions withPriorities(int levels) {
    return new BatchOptions(
        preferredBatchSizes,
        maxQueueDelay,
        queueSize,
        levels,
        deadlinePolicy,
        keepsOrder,
        decoders);
  }

  /**
   * The same with another policy.
   *
   * @param policy as in the record
   * @return new options
   */
  public BatchOptions withDeadlinePolicy(DeadlinePolicy policy) {
    return new BatchOptions(
        preferredBatchSizes, maxQueueDelay, queueSize, priorities, policy, keepsOrder, decoders);
  }

  /**
   * The same in order, or not.
   *
   * @param inOrder as in the record
   * @return new options
   */
  public BatchOptions withOrder(boolean inOrder) {
    return new BatchOptions(
        preferredBatchSizes,
        maxQueueDelay,
        queueSize,
        priorities,
        deadlinePolicy,
        inOrder,
        decoders);
  }

  /**
   * The same with more or fewer threads that decode.
   *
   * @param threads as in the record
   * @return new options
   */
  public BatchOptions withDecoders(int threads) {
    return new BatchOptions(
        preferredBatchSizes,
        maxQueueDelay,
        queueSize,
        priorities,
        deadlinePolicy,
        keepsOrder,
        threads);
  }

  /** The most images of a batch. */
  int largest() {
    return preferredBatchSizes.get(preferredBatchSizes.size() - 1);
  }
}
