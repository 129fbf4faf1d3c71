package io.resfuse.engine.spi;

import jdk.jfr.Category;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;
import org.jspecify.annotations.Nullable;

/** A run of an inference plan, for Java Flight Recorder. */
@Name("io.resfuse.Run")
@Label("Run")
@Category("ResFuse")
@Description("An inference plan ran")
@StackTrace(false)
final class RunEvent extends Event {
  @Label("Network")
  @Nullable String network;

  @Label("Images")
  int batch;

  private RunEvent() {}

  /** Runs, and records that. */
  static void record(String network, int batch, Runnable run) {
    RunEvent event = new RunEvent();
    event.begin();
    run.run();
    event.end();
    if (event.shouldCommit()) {
      event.network = network;
      event.batch = batch;
      event.commit();
    }
  }
}
