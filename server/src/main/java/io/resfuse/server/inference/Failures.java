package io.resfuse.server.inference;

import io.resfuse.batch.RequestRejectedException;
import io.resfuse.data.DataException;
import io.resfuse.server.protocol.ServiceException;
import io.resfuse.server.protocol.ServiceException.Kind;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletionException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** What failures of the library are to those who sent a request. */
public final class Failures {
  private static final Logger log = LoggerFactory.getLogger(Failures.class);

  private Failures() {}

  /**
   * Translates whatever a request failed with. What is nobody's fault but the server's is logged.
   *
   * @param thrown by the library or by our own code
   * @return for protocols
   */
  public static ServiceException of(Throwable thrown) {
    Throwable failure = thrown;
    while (failure instanceof CompletionException && failure.getCause() != null) {
      failure = failure.getCause();
    }
    if (failure instanceof ServiceException known) {
      return known;
    }
    if (failure instanceof RequestRejectedException rejected) {
      return switch (rejected.reason()) {
        case QUEUE_FULL ->
            new ServiceException(
                Kind.OVERLOADED, "the model's queue is full; try again later", failure);
        case DEADLINE -> new ServiceException(Kind.DEADLINE, rejected.getMessage(), failure);
        case CLOSED ->
            new ServiceException(
                Kind.UNAVAILABLE, "the model was unloaded before the request could run", failure);
      };
    }
    if (isShortOfMemory(failure)) {
      log.error("memory is short: {}", message(failure));
      return new ServiceException(
          Kind.OVERLOADED, "the server's memory is short; try again later", failure);
    }
    if (failure instanceof DataException || failure instanceof IllegalArgumentException) {
      return new ServiceException(Kind.INVALID, message(failure), failure);
    }
    if (failure instanceof CancellationException) {
      return new ServiceException(Kind.UNAVAILABLE, "the request was cancelled", failure);
    }
    log.error("a request failed", failure);
    return new ServiceException(Kind.FAILED, "the server failed: " + message(failure), failure);
  }

  /** Also where decoders of pictures say that it is the picture's fault. */
  private static boolean isShortOfMemory(Throwable failure) {
    for (Throwable each = failure; each != null; each = each.getCause()) {
      if (each instanceof OutOfMemoryError) {
        return true;
      }
    }
    return false;
  }

  private static String message(Throwable failure) {
    return failure.getMessage() == null ? failure.toString() : failure.getMessage();
  }
}
