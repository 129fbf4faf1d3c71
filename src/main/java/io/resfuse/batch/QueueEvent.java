package io.resfuse.batch;

import jdk.jfr.Category;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;
import jdk.jfr.Timespan;

/** The queue when a batch is taken from it, for Java Flight Recorder. */
@Name("io.resfuse.Queue")
@Label("Queue")
@Category("ResFuse")
@Description("Requests left the queue for a batch")
@StackTrace(false)
final class QueueEvent extends Event {
  @Label("Requests Taken")
  int taken;

  @Label("Requests Left")
  int left;

  @Label("Longest Wait")
  @Timespan(Timespan.NANOSECONDS)
  long longestWait;

  private QueueEvent() {}

  /** Records one. */
  static void record(int taken, int left, long longestWait) {
    QueueEvent event = new QueueEvent();
    event.taken = taken;
    event.left = left;
    event.longestWait = longestWait;
    event.commit();
  }
}
