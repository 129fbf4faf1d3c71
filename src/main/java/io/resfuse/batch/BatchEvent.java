package io.resfuse.batch;

import jdk.jfr.Category;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;

/** A batch from its forming to its last answer, for Java Flight Recorder. */
@Name("io.resfuse.Batch")
@Label("Batch")
@Category("ResFuse")
@Description("A batch was prepared, waited for the device, ran and was answered")
@StackTrace(false)
final class BatchEvent extends Event {
  @Label("Requests")
  int requests;

  @Label("Images of the Plan")
  int images;

  private BatchEvent() {}

  /** Begins one. */
  static BatchEvent begin(int requests, int images) {
    BatchEvent event = new BatchEvent();
    event.requests = requests;
    event.images = images;
    event.begin();
    return event;
  }
}
