package io.resfuse.batch;

import io.resfuse.batch.RequestRejectedException.Reason;
import io.resfuse.engine.InferencePlan;
import io.resfuse.platform.Nvtx;
import io.resfuse.tensor.HostTensor;
import io.resfuse.tensor.Shape;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BiConsumer;
import jdk.jfr.FlightRecorder;
import org.jspecify.annotations.Nullable;

/**
 * Takes a batch, prepares it, runs it when the device is free, answers, again and again. A device
 * has one lane more than it runs batches, so that the next batch is prepared while one runs.
 */
final class Lane implements Runnable {
  private final RequestQueue queue;
  private final Device device;
  private final LanePlans plans;
  private final Preparation preparation;
  private final boolean rejectsLate;
  private final BiConsumer<Request, Object> answer;
  private final BatchListener listener;
  private final Runnable onEnd;
  private final Request[] batch;

  /** Requests of the batch whose deadline has passed. */
  private final List<Request> late = new ArrayList<>();

  /** Why images of the batch cannot be read. */
  private final @Nullable Throwable[] failures;

  /**
   * A lane.
   *
   * @param plans owned: closed at the end
   * @param answer given a request and its answer, a map or a Throwable
   * @param onEnd called when there will be no more requests
   */
  Lane(
      RequestQueue queue,
      Device device,
      LanePlans plans,
      Preparation preparation,
      BatchOptions options,
      BiConsumer<Request, Object> answer,
      Runnable onEnd) {
    this.queue = queue;
    this.device = device;
    this.plans = plans;
    this.preparation = preparation;
    this.rejectsLate = options.deadlinePolicy() == DeadlinePolicy.REJECT;
    this.listener = options.listener();
    this.answer = answer;
    this.onEnd = onEnd;
    this.batch = new Request[options.largest()];
    this.failures = new Throwable[batch.length];
  }

  @Override
  public void run() {
    try (plans) {
      for (int count = queue.take(device, batch); count > 0; count = queue.take(device, batch)) {
        if (Nvtx.isOn()) {
          Nvtx.push("Batch " + count);
        }
        try {
          serve(count);
        } finally {
          Nvtx.pop();
        }
      }
    } finally {
      onEnd.run();
    }
  }

  private void serve(int count) {
    InferencePlan plan = plans.of(count);
    BatchEvent event =
        FlightRecorder.isInitialized() ? BatchEvent.begin(count, plan.request().batch()) : null;
    int left = count;
    try {
      long taken = System.nanoTime();
      for (int i = 0; i < count; i++) {
        listener.taken(taken - batch[i].submitted());
      }
      try {
        Nvtx.push("Prepare");
        try {
          prepare(count, plan);
        } finally {
          Nvtx.pop();
        }
        long prepared = System.nanoTime() - taken;
        left = device.run(() -> runOn(plan, count, prepared));
      } finally {
        queue.hasRun(device);
      }
      for (int i = 0; i < left; i++) {
        answer.accept(batch[i], outputs(plan, i));
      }
      late.forEach(Lane::rejectLate);
    } catch (RuntimeException | Error e) {
      for (int i = 0; i < left; i++) {
        answer.accept(batch[i], e);
      }
      late.forEach(Lane::rejectLate);
    }
    if (event != null) {
      event.commit();
    }
    Arrays.fill(batch, null);
    late.clear();
  }

  private void prepare(int count, InferencePlan plan) {
    preparation.write(batch, count, plan, failures);
    for (int i = 0; i < count; i++) {
      Throwable failure = failures[i];
      if (failure != null) {
        failures[i] = null;
        answer.accept(batch[i], failure);
      }
    }
  }

  /** Runs those that are neither done nor late; they come first afterwards. */
  private int runOn(InferencePlan plan, int count, long prepared) {
    int left = count;
    for (int i = count - 1; i >= 0; i--) {
      if (!isWanted(batch[i])) {
        left--;
        if (i < left) {
          LanePlans.move(plan, left, i);
          batch[i] = batch[left];
        }
      }
    }
    if (left > 0) {
      long begin = System.nanoTime();
      plan.run();
      listener.ran(left, plan.request().batch(), prepared, System.nanoTime() - begin);
    }
    return left;
  }

  private boolean isWanted(Request request) {
    if (rejectsLate && !request.isSettled() && request.isLate(System.nanoTime())) {
      late.add(request);
      return false;
    }
    return !request.isSettled();
  }

  /** Fails a request whose deadline has passed. */
  static void rejectLate(Request request) {
    request.completeExceptionally(
        new RequestRejectedException(
            Reason.DEADLINE, "the deadline passed before the request could run"));
  }

  private static Map<String, HostTensor> outputs(InferencePlan plan, int index) {
    Map<String, HostTensor> outputs = new LinkedHashMap<>();
    for (String name : plan.request().outputs()) {
      FloatBuffer all = plan.output(name);
      float[] one = new float[all.capacity() / plan.request().batch()];
      all.get(index * one.length, one);
      int[] shape = plan.outputShape(name).toArray();
      shape[0] = 1;
      outputs.put(name, HostTensor.of(Shape.of(shape), one));
    }
    return outputs;
  }
}
