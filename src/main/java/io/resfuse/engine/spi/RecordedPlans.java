package io.resfuse.engine.spi;

import io.resfuse.engine.InferencePlan;
import io.resfuse.engine.LoadedNetwork;
import io.resfuse.engine.PlanRequest;
import io.resfuse.platform.Nvtx;
import java.util.function.Supplier;
import jdk.jfr.FlightRecorder;

/**
 * Makes inference plans, and has Java Flight Recorder and NVTX record that if somebody records. The
 * events are not touched else: preparing their classes would take a good part of a program's start.
 */
public final class RecordedPlans {
  private RecordedPlans() {}

  /**
   * Makes a plan.
   *
   * @param network of which it is made
   * @param request what it is made for
   * @param maker makes it
   * @return what the maker made
   */
  public static InferencePlan make(
      LoadedNetwork network, PlanRequest request, Supplier<InferencePlan> maker) {
    if (Nvtx.isOn()) {
      Nvtx.push("Plan " + network.network().name() + " " + request.batch());
    }
    try {
      return FlightRecorder.isInitialized()
          ? PlanEvent.record(network, request, maker)
          : maker.get();
    } finally {
      Nvtx.pop();
    }
  }
}
