package io.resfuse.engine.spi;

import io.resfuse.engine.InferencePlan;
import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.PlanRequest;
import jdk.jfr.FlightRecorder;

/** An {@link InferencePlan} that checks before an engine works. */
public abstract class AbstractInferencePlan extends AbstractPlan implements InferencePlan {
  private final PlanRequest request;

  /**
   * An open plan.
   *
   * @param network the whole network, or the part that leads to the outputs
   * @param request what the plan is made for
   */
  protected AbstractInferencePlan(NetworkSpec network, PlanRequest request) {
    super("plan", network, request);
    this.request = request;
  }

  /** Runs the network on the input. */
  protected abstract void runForward();

  @Override
  public final PlanRequest request() {
    return request;
  }

  @Override
  public final synchronized void run() {
    checkOpen();
    if (FlightRecorder.isInitialized()) {
      RunEvent.record(network().name(), request.batch(), this::runForward);
    } else {
      runForward();
    }
  }
}
