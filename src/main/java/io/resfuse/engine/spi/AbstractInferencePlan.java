package io.resfuse.engine.spi;

import io.resfuse.engine.InferencePlan;
import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.PlanRequest;
import io.resfuse.platform.Nvtx;
import jdk.jfr.FlightRecorder;

/** An {@link InferencePlan} that checks before an engine works. */
public abstract class AbstractInferencePlan extends AbstractPlan implements InferencePlan {
  private final PlanRequest request;

  /** What a run is called on the time line of a profiler. */
  private final String range;

  /**
   * An open plan.
   *
   * @param network the whole network, or the part that leads to the outputs
   * @param request what the plan is made for
   */
  protected AbstractInferencePlan(NetworkSpec network, PlanRequest request) {
    super("plan", network, request);
    this.request = request;
    this.range = "Run " + network.name() + " " + request.batch();
  }

  /** Runs the network on the input. */
  protected abstract void runForward();

  /**
   * Where the input is on the device. Engines that have one override it.
   *
   * @return asked for only if the request wants it there
   */
  protected long inputAddress() {
    throw new AssertionError("an engine without a device has made a plan on one");
  }

  /**
   * Where an output is on the device. Engines that have one override it.
   *
   * @param name one of the plan's outputs
   * @return asked for only if the request wants it there
   */
  protected long outputAddress(String name) {
    throw new AssertionError("an engine without a device has made a plan on one");
  }

  @Override
  public final synchronized long deviceInput() {
    checkOpen();
    return request.onDevice() ? inputAddress() : InferencePlan.super.deviceInput();
  }

  @Override
  public final synchronized long deviceOutput(String name) {
    checkOpen();
    checkOutput(name);
    return request.onDevice() ? outputAddress(name) : InferencePlan.super.deviceOutput(name);
  }

  @Override
  public final PlanRequest request() {
    return request;
  }

  @Override
  public final synchronized void run() {
    checkOpen();
    if (Nvtx.isOn()) {
      Nvtx.push(range);
    }
    try {
      if (FlightRecorder.isInitialized()) {
        RunEvent.record(network().name(), request.batch(), this::runForward);
      } else {
        runForward();
      }
    } finally {
      Nvtx.pop();
    }
  }
}
