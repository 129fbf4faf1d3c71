package io.resfuse.server.rest;

import jakarta.servlet.ServletRequest;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import org.eclipse.jetty.server.HttpChannel;
import org.eclipse.jetty.server.Request;

/**
 * Counts the requests of a connector from their headers to the last byte of their answer. Of one
 * that is malformed Jetty may say twice that it has begun, or never, so they are kept and not only
 * counted; a connection has one at a time.
 */
final class OpenRequests implements HttpChannel.Listener {
  private static final String ABANDONED = OpenRequests.class.getName();

  private final Set<Request> now = ConcurrentHashMap.newKeySet();
  private final AtomicLong events = new AtomicLong();

  @Override
  public void onRequestBegin(Request request) {
    now.add(request);
    events.incrementAndGet();
  }

  @Override
  public void onComplete(Request request) {
    events.incrementAndGet();
    now.remove(request);
    if (request.getAttribute(ABANDONED) != null) {
      request.getHttpChannel().getEndPoint().close();
    }
  }

  /**
   * Has a request's connection closed with its answer: the rest of the body is not waited for, as
   * Jetty would until the connection is idle for too long.
   */
  static void abandon(ServletRequest request) {
    request.setAttribute(ABANDONED, true);
  }

  int count() {
    return now.size();
  }

  /** How often a request has begun or ended. */
  long events() {
    return events.get();
  }
}
