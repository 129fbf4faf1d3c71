package io.resfuse.engine.spi;

import io.resfuse.engine.InferencePlan;
import io.resfuse.engine.LoadedNetwork;
import io.resfuse.engine.PlanRequest;
import java.util.function.Supplier;
import jdk.jfr.Category;
import jdk.jfr.DataAmount;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;
import org.jspecify.annotations.Nullable;

/** The making of an inference plan, for Java Flight Recorder. */
@Name("io.resfuse.Plan")
@Label("Plan")
@Category("ResFuse")
@Description("An inference plan was made")
@StackTrace(false)
final class PlanEvent extends Event {
  @Label("Network")
  @Nullable String network;

  @Label("Images per run")
  int batch;

  @Label("Memory of Activations and Workspace")
  @DataAmount
  long bytes;

  private PlanEvent() {}

  /** Makes a plan, and records that. */
  static InferencePlan record(
      LoadedNetwork network, PlanRequest request, Supplier<InferencePlan> maker) {
    PlanEvent event = new PlanEvent();
    event.begin();
    InferencePlan plan = maker.get();
    event.end();
    if (event.shouldCommit()) {
      event.network = network.network().name();
      event.batch = request.batch();
      event.bytes = plan.memory().activations() + plan.memory().workspace();
      event.commit();
    }
    return plan;
  }
}
