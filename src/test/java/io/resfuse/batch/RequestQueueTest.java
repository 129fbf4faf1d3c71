package io.resfuse.batch;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/**
 * In which order requests leave the queue, without threads: which of two batches that are taken one
 * after the other is prepared first, and so runs first, is the system's affair.
 */
class RequestQueueTest {
  private static final BatchOptions SINGLE =
      BatchOptions.defaults()
          .withPreferredBatchSizes(List.of(1))
          .withMaxQueueDelay(Duration.ZERO)
          .withPriorities(3);

  private final Device device = new Device(1, new PlanSizes(List.of(1), List.of(1.0)));

  private RequestQueue queue(BatchOptions options, Request... requests) {
    RequestQueue queue = new RequestQueue(options, List.of(device));
    for (Request request : requests) {
      assertThat(queue.add(request)).isNull();
    }
    return queue;
  }

  private static Request request(int priority, long submitted, long deadline) {
    return new Request(
        new Sample.Tensor(FakeNetwork.image(1)), priority, submitted, deadline, request -> {});
  }

  private static Request request(int priority) {
    return request(priority, System.nanoTime(), Request.NEVER);
  }

  /** Takes all, one by one. */
  private List<Request> taken(RequestQueue queue) {
    List<Request> taken = new ArrayList<>();
    Request[] batch = new Request[1];
    while (queue.waiting() > 0) {
      assertThat(queue.take(device, batch)).isEqualTo(1);
      taken.add(batch[0]);
    }
    return taken;
  }

  @Test
  void theMostUrgentLeaveFirstAndThoseOfALevelInTheirOrder() {
    Request low = request(2);
    Request middle = request(1);
    Request high = request(0);
    Request alsoMiddle = request(1);
    RequestQueue queue = queue(SINGLE, low, middle, high, alsoMiddle);
    assertThat(taken(queue)).containsExactly(high, middle, alsoMiddle, low);
  }

  @Test
  void whoIsLateLeavesLastIfTheyAreDelayed() {
    Request late = request(0, System.nanoTime() - 2, 1);
    Request inTime = request(0, System.nanoTime(), Duration.ofDays(1).toNanos());
    Request low = request(1);
    RequestQueue queue = queue(SINGLE.withDeadlinePolicy(DeadlinePolicy.DELAY), late, low, inTime);
    assertThat(taken(queue)).containsExactly(inTime, low, late);
  }
}
